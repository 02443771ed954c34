#pragma once

#include <map>
#include <string>
#include <vector>

#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// A txid_snapshot that sees nothing: everything that was ever logged is new to it.
inline constexpr const char* before_everything = "1:1:";

/// What is said of the source with each drain, so that a changed schema or another server is
/// noticed.
struct SourceState {
  std::string snapshot;           ///< txid_snapshot in text form: S1 of this drain, S0 of the next
  std::string system_identifier;  ///< of the cluster's control data
  std::string timeline;           ///< 8 hexadecimal digits, from the name of the present WAL file
  std::string fingerprint;
  /// Which capture has logged since (capture.h); empty where none stands.
  std::string capture;
};

/// The query that gives a SourceState but for its fingerprint; its snapshot is the reading
/// transaction's own.
std::string source_state_sql();
/// From the answer to it.
SourceState source_state(const postgres::Rows& rows);
SourceState read_source_state(postgres::Session& source, const std::vector<SyncedTable>& tables);

/// Has the source write its WAL out up to everything that a snapshot taken before can see; called
/// before the target remembers such a snapshot. A server that crashes hands out the transaction ids
/// of what it had not written out again, and these would pass for carried ones: those of commits
/// with synchronous_commit off, and of aborted transactions always (PostgreSQL manual 28.4,
/// "Asynchronous Commit"). `source` must be in no transaction.
void flush_wal(postgres::Session& source);

/// Throws Error{precondition} when no capture stands on the source, before its logs are asked for.
void require_capture(postgres::Session& source, Direction direction);

/// Whether draining may go on from the target's position: there is one, and what has been written
/// to the source since was captured without a gap.
bool position_holds(postgres::Session& source, postgres::Session& target, Direction direction);

/// Tables that were copied to the target and not drained since, by id, with the snapshot that their
/// copy was made in: what was logged after that is not there yet.
std::map<int, std::string> copy_snapshots(postgres::Session& target);

/// Writes the position from which draining begins; what was there is replaced. `lines` as
/// schema_lines().
void write_position(postgres::Session& target, Direction direction, const SourceState& state,
                    const std::string& lines);

/// Lets no drain go on from the position: the target may lack rows that are in no log of the
/// source. `data-sync start` then compares all rows (repair.h).
void distrust_position(postgres::Session& target, Direction direction);

/// The position, locked: two drainers of one direction take turns here. Throws Error{precondition}
/// when there is none.
SourceState lock_position(postgres::Session& target, Direction direction);

/// Moves it, inside the transaction that applied the rows. Where there are several in one
/// transaction, their rows are added up.
postgres::Statement move_position_statement(Direction direction, const std::string& snapshot,
                                            std::uint64_t rows);

/// Throws Error{precondition} with what has changed when `now` is not the source that `before` was.
void require_same_source(postgres::Session& source, postgres::Session& target, Direction direction,
                         const std::vector<SyncedTable>& tables, const SourceState& before,
                         const SourceState& now);

/// Whether the schema of the source is not what the target's position knows of it.
bool schema_has_changed(postgres::Session& source, postgres::Session& target, Direction direction,
                        const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
