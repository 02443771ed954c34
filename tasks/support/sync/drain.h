#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/state.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What one drain did.
struct DrainReport {
  std::uint64_t keys = 0;    ///< keys that had changed
  std::uint64_t rows = 0;    ///< rows written to the target
  std::uint64_t tables = 0;  ///< tables that had changes
  std::string snapshot;      ///< S1: everything visible in it is now in the target
  Duration duration{};
};

/// Carries what was captured on the source to the target. One object keeps one session to each side
/// open, with prepared statements, so that a drain in the cutover costs a few round trips.
///
/// A drain reads, in one REPEATABLE READ snapshot S1 of the source, the keys logged in S1 but not
/// in the target's saved S0 and the current rows of these keys; on the target, in one transaction
/// for all tables, it deletes the keys, inserts the rows and saves S1 as the new S0. It is atomic,
/// idempotent and independent of order. The target's position row is locked first, so that two
/// drainers of one direction take turns.
///
/// Throws Error{precondition} when the source's schema, timeline or system identifier is not what
/// it was, when capture was off since the last drain, or when the target's gate is not closed, and
/// Error{locked} when `drainer` is not the drainer any more. Not thread-safe.
class Drain {
 public:
  Drain(const Databases& databases, Direction direction, std::vector<SyncedTable> tables,
        const Secret& apply_token, std::string drainer, Log& log);
  ~Drain();
  Drain(Drain&&) noexcept;
  Drain& operator=(Drain&&) noexcept;

  /// From now on the first drain behind a closed gate, and every one that carries rows, moves the
  /// target's sequences ahead of the source's by `margin` before it commits: a target that has to
  /// take over as it stands (rollback --accept-loss) hands out no value of a row that it holds.
  void keep_sequences_ahead(std::int64_t margin);

  /// One drain, committed. Gives way to whoever locks a table of the source and begins anew; when
  /// that goes on for 5 s it throws what postgres::is_lock_conflict() is true for.
  DrainReport run();

  /// Everything of a switch's last drain that can be done while the service still writes to the
  /// source: moves sequences ahead by `sequence_margin`; begins the target's transaction, in which
  /// it locks all tables, checks `owner` and opens the gate, which nobody sees before the commit;
  /// has both servers plan what is likely to be needed; applies what there is until now. From here
  /// on whoever wants to take the target over waits for this transaction's end. `patience` is for
  /// each of its locks, and how long it may idle. Ends with `finish`, `rollback` or the next `run`.
  void prepare_finish(std::string_view owner, std::int64_t sequence_margin, Duration patience);

  /// The rest, after prepare_finish: applies what is left, compares every row applied with the
  /// source's, makes sure that the schema has not changed, moves the sequences that have gone on,
  /// calls `before_commit` and commits. Nobody may be able to write to the source any more (a
  /// closed gate, or the locks of a GateClosing), and when `before_commit` returns its gate must be
  /// closed. If anything throws, nothing has happened on the target, unless the error's SQLSTATE is
  /// 08007: then the commit is in doubt and only the gate says what is so. `phase` is called at
  /// each step's end with its name, for the timings: drain, verify, sequences, open.
  DrainReport finish(const std::function<void(std::string_view)>& phase,
                     const std::function<void()>& before_commit);

  /// Captured entries that the target does not have yet.
  std::uint64_t lag();

  /// Deletes log entries that the target has had for longer than `retention`, counted from the call
  /// of this that first found them there; returns how many. What the target does not have, and
  /// tables that wait for their first drain, keep all. A target that fails over to a replica
  /// without its last commits goes on from its older position, which needs them again.
  std::uint64_t purge(Duration retention, const Clock& clock);

  /// Writes into the source how far the target has followed it, as carried_mark.h says. For now and
  /// then, while no drain is open, and before a purge: an entry that is gone must not be taken for
  /// one that was lost. Returns false where there was no room, or nothing to say yet.
  bool mark_carried();

  /// The source session's open snapshot of the last `run` when `keep_snapshot` was set: for
  /// comparing both sides at one point while writes go on. Ends with the next run.
  DrainReport run_keeping_snapshot();
  postgres::Session& source_session();

  /// Ends whatever transactions are open on either side.
  void rollback() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes the position from which draining in `direction` begins: the source's present snapshot.
/// For when capture has just been installed on the source.
void start_position(postgres::Session& source, postgres::Session& target, Direction direction,
                    const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
