#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "cutover/pooler.h"
#include "sync/gate.h"

namespace crossover::cutover {

/// What one database says of a cutover.
struct SideFacts {
  bool reachable = false;
  std::string problem;        ///< why it is not
  bool in_migration = false;  ///< schema crossover is there
  sync::GateState gate = sync::GateState::absent;
  std::optional<Side> moving_to;  ///< the switch under way, or the last broken one
  /// Said by the old side only: the new one was given up with what was written there (abandon.h).
  bool other_abandoned = false;
  /// A task holds the cutover's lock there, and gave its last sign of life so long ago.
  bool task_at_work = false;
  Duration task_silence{};
};

struct Facts {
  SideFacts old_side;
  SideFacts new_side;
  const SideFacts& at(Side side) const { return side == Side::old_side ? old_side : new_side; }
};

/// Where the service belongs.
struct Verdict {
  enum class Kind {
    serve,   ///< on `side`, whose gate is open
    reopen,  ///< on `side`: its gate must be opened first, nothing was moved away from it
    wait,    ///< nothing can be decided; stay as it is and say `reason`
  };
  Kind kind = Kind::wait;
  Side side = Side::old_side;
  std::string reason;
  std::string hint;  ///< the way out, where one is known
  /// The reason with the way out, for one line.
  std::string text() const;
};

/// The crash rule, from database facts alone. An open gate says where the service lives, whatever
/// else is known: a switch closes the one before it opens the other, so both are never open. Both
/// closed is the middle of a switch: it had not committed at its target, so its source is to be
/// opened again. An unreachable side whose gate could be the open one decides nothing. `initial` is
/// where the service lives when neither side has a gate (before `data-sync start`). Once the new
/// side has been given up, the service belongs on the old one whatever the new one says. Pure.
///
/// The facts of a move's target must have been read after its owner token was taken, so that no
/// transaction of a former task was open or in doubt, and under the cutover's lock (recovery.h).
Verdict crash_rule(const Facts& facts, std::optional<Side> initial);

/// The side that a broken or running switch was moving to. The side that is left counts, since it
/// says so first: the target may have failed over to a replica that lacks even the record. Pure.
std::optional<Side> move_under_way(const Facts& facts);

/// Whether both gates are closed and no switch is under way. The side where the service lived has
/// lost the opening of its gate after the switch was over, by a failover or a restore; which side
/// that was, and whether what it lacks may come back, is a person's to say. Pure.
bool is_stranded(const Facts& facts);

}  // namespace crossover::cutover
