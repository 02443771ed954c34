#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/changed_tables.h"
#include "sync/drain_batch.h"
#include "sync/position.h"
#include "sync/prepared_statements.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What is planned stays locked, and so do its indexes, as long as the transaction: of so many
/// relations, partitions too, and no more (lock_space.h).
inline constexpr std::size_t most_planned_ahead = 500;

/// From which snapshot on each table's log has not been drained yet.
struct Since {
  std::string position;             ///< S0
  std::map<int, std::string> copy;  ///< of tables that were copied and not drained since, by id
  const std::string& of(const SyncedTable& table) const;
};

/// The source's side of a drain: one session, which keeps prepared what is needed again, and the
/// snapshot S1 that everything is read in. Only tables that have something new in their logs cost
/// anything.
/// Keys and rows are held up to most_bytes_in_memory, and the table at which that is passed is
/// streamed. Its rows have come twice then, so no more rows are asked for the next time than would
/// fit. Not thread-safe.
class ChangeReader {
 public:
  /// `beside` is another session of the same database, for ChangedTables; it and `tables` are
  /// borrowed.
  ChangeReader(postgres::Session session, postgres::Session& beside,
               const std::vector<SyncedTable>& tables);

  /// SET lock_timeout = ... for all that is read.
  void limit_waits(std::string_view set_lock_timeout);

  /// Begins a transaction, whose snapshot is taken by the first `look`; one that was open is ended.
  void begin();
  /// What the source is, and which tables have anything new since; all for `read`. The fingerprint
  /// is left empty unless it is asked for.
  SourceState look(const Since& since, bool with_fingerprint);
  /// The same without the fingerprint, and reads the changes of those tables that the last look had
  /// found in the same round trip: they are likely to have more.
  SourceState look_and_read(const Since& since);
  /// The changes of the tables that the last look found.
  std::vector<TableBatch> read(const Since& since);
  /// Ends the transaction; nothing when none is open.
  void end();
  void abandon() noexcept { transaction_.reset(); }

  /// Has the server plan what the next drain is likely to need, so that it costs no planning then:
  /// the statements of the tables that stand in their logs, as many as most_planned_ahead allows,
  /// those first that the last look has found. Returns them.
  std::vector<const SyncedTable*> plan_ahead();

  /// Entries that are logged and not drained.
  std::uint64_t lag(const Since& since);
  /// Deletes what was logged before `covered`; tables that wait for their first drain keep all.
  std::uint64_t purge(const std::string& covered, const Since& since);

  /// Calls `read` with the session planning as for catalogues, not as for logs. In the transaction.
  void read_catalogue(const std::function<void(postgres::Session&)>& read);

  postgres::Session& session() { return session_; }

 private:
  std::vector<postgres::Statement> changes_of(const std::vector<const SyncedTable*>& tables,
                                              const Since& since) const;
  std::uint64_t rows_to_ask(const SyncedTable& table) const;
  std::uint64_t bytes_left() const;
  void take_changes(const std::vector<const SyncedTable*>& tables, const Since& since,
                    const std::vector<postgres::Rows>& answers, std::size_t next);
  void find_whole_tables();
  void forget();
  std::vector<postgres::Rows> look_with(const Since& since,
                                        const std::vector<postgres::Statement>& more);

  const std::vector<SyncedTable>& tables_;
  postgres::Session session_;
  postgres::Session& beside_;
  ChangedTables logs_;
  PreparedStatements prepared_;
  std::optional<postgres::Transaction> transaction_;
  std::vector<const SyncedTable*> changed_;
  std::vector<const SyncedTable*> read_ahead_;
  std::vector<TableBatch> batches_;      ///< what was read since `begin`, or the last `read`
  std::map<int, std::uint64_t> widths_;  ///< bytes of a row, by the table's id, as last seen
};

}  // namespace crossover::sync
