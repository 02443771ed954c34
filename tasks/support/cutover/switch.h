#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/stop.h"
#include "cutover/fleet.h"
#include "cutover/replicas.h"
#include "sync/database.h"
#include "sync/drain.h"

namespace crossover::cutover {

struct SwitchOptions {
  std::string migration;
  Side to = Side::new_side;
  std::string plan_sha256;
  Duration pause_budget = std::chrono::seconds(2);  ///< PAUSE to RESUME
  /// Drains run before the pause until one has at most this many keys.
  std::uint64_t small_drain = 2000;
  Duration drain_budget = std::chrono::minutes(5);  ///< for becoming that small
  std::int64_t sequence_margin = 1000;
  Duration lock_patience = std::chrono::seconds(5);  ///< for a guard that is at work
  /// For the replicas of the side that is moved to, after the pause.
  Duration replica_patience = std::chrono::seconds(10);
  std::optional<Side> initial;  ///< see crash_rule
  /// The names of the poolers that run, where somebody can tell: one that is not in the fleet would
  /// go on writing to the side that is left. Asked under the cutover's lock, while which no guard
  /// opens a pooler that starts.
  std::function<std::vector<std::string>()> running_poolers;
};

/// A step of the pause and how long it took.
struct SwitchPhase {
  /// pause, lock, drain, verify, sequences, close, open, retarget, resume
  std::string name;
  Clock::Wall start;
  Duration duration{};
};

struct SwitchReport {
  bool changed = false;    ///< false: the service was there already
  bool recovered = false;  ///< a broken switch was finished or undone first
  Duration paused{};       ///< PAUSE to RESUME
  std::vector<SwitchPhase> phases;
  sync::DrainReport last_drain;
  std::uint64_t drains = 0;  ///< before the pause
  /// Of the side that was moved to, as they were when the last look at them ended.
  std::vector<Replica> replicas;
};

/// Moves the writing of a service from one database to the other (DESIGN 6, step 3), or back: the
/// same with the roles exchanged.
///
/// Under the cutover's lock and with the owner tokens of both databases: records the move in both;
/// drains until little is left; opens the target's gate in a transaction that does not commit yet;
/// pauses the poolers; locks the source's tables, which waits for every transaction that has
/// written there; closes the source's gate while it applies the rest, compares and moves the
/// sequences in the target's transaction; commits that once the source is closed; retargets the
/// poolers; resumes them. From PAUSE on everything that fails before that commit puts the service
/// back where it was, and everything after it goes forward.
///
/// A replica of the target that is promoted without that commit has a closed gate. So the record of
/// the move stays in both databases until the target's replicas have flushed the commit: by it the
/// crash rule opens the source again. One that is later than `replica_patience` is warned of, and a
/// rerun looks again. Where both gates are found closed without a record, the caller says by `to`
/// where to go on: that side is opened again, unless it is the one that has failed over.
///
/// Errors: Error{timeout} when the pause budget was used up, the service then runs where it did;
/// Error{precondition} when a guard speaks against it; Error{locked}; with SQLSTATE 08007 when the
/// commit is in doubt and the target can't be asked: the poolers stay paused, and the guards decide
/// when it answers. Not thread-safe.
///
/// Stop points, in order: switch-locked, switch-owner-taken, switch-recorded, switch-drained,
/// switch-paused, switch-source-locked, (in the drain: drain-read, drain-applied), switch-closed,
/// switch-before-commit, switch-committed, switch-opened, switch-retargeted, switch-resumed,
/// switch-replicated, switch-cleared. In a recovery: recover-before-reopen, recover-before-resume.
SwitchReport run_switch(const sync::Databases& databases, Fleet& fleet,
                        const SwitchOptions& options, const Clock& clock, Log& log,
                        const StopRequest& stop);

}  // namespace crossover::cutover
