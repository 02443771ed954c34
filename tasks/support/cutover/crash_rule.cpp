#include "cutover/crash_rule.h"

#include <fmt/format.h>

namespace crossover::cutover {
namespace {

using sync::GateState;

Verdict serve(Side side) { return {Verdict::Kind::serve, side, {}, {}}; }
Verdict wait(std::string reason) {
  return {Verdict::Kind::wait, Side::old_side, std::move(reason), {}};
}

Verdict stranded() {
  Verdict verdict = wait("the gates of both databases are closed and no switch is under way");
  verdict.hint =
      "the database where the service lived has failed over to a replica, or was restored, without "
      "the opening of its gate; to go on with the other one run `route-switch rollback` if that is "
      "the old one, `route-switch switch` if it is the new one";
  return verdict;
}

bool has_gate(const Facts& facts, Side side, GateState state) {
  return facts.at(side).reachable && facts.at(side).gate == state;
}

std::string gates_text(const Facts& facts) {
  return fmt::format("the gate of the old database is {}, that of the new one {}",
                     sync::name(facts.old_side.gate), sync::name(facts.new_side.gate));
}

// Both sides are known and neither gate is open.
Verdict by_closed_gates(const Facts& facts, std::optional<Side> initial) {
  const GateState old_gate = facts.old_side.gate;
  const GateState new_gate = facts.new_side.gate;
  if (old_gate == GateState::closed && new_gate == GateState::closed) {
    const std::optional<Side> target = move_under_way(facts);
    return target ? Verdict{Verdict::Kind::reopen, sync::other(*target), {}, {}} : stranded();
  }
  if (old_gate == GateState::absent && new_gate == GateState::absent) {
    return initial ? serve(*initial) : wait("neither database has a gate");
  }
  // While gates are put up or taken down: the service lives where there is none.
  if (old_gate == GateState::absent && new_gate == GateState::closed) {
    return serve(Side::old_side);
  }
  if (new_gate == GateState::absent && old_gate == GateState::closed) {
    return serve(Side::new_side);
  }
  return wait(gates_text(facts));
}

}  // namespace

std::optional<Side> move_under_way(const Facts& facts) {
  if (!facts.old_side.reachable || !facts.new_side.reachable) {
    return facts.old_side.reachable ? facts.old_side.moving_to : facts.new_side.moving_to;
  }
  for (const Side target : {Side::new_side, Side::old_side}) {
    const std::optional<Side> there = facts.at(target).moving_to;
    if (facts.at(sync::other(target)).moving_to == target && there.value_or(target) == target) {
      return target;
    }
  }
  return std::nullopt;
}

bool is_stranded(const Facts& facts) {
  return has_gate(facts, Side::old_side, GateState::closed) &&
         has_gate(facts, Side::new_side, GateState::closed) && !move_under_way(facts);
}

std::string Verdict::text() const { return hint.empty() ? reason : reason + "; " + hint; }

Verdict crash_rule(const Facts& facts, std::optional<Side> initial) {
  const bool old_open = has_gate(facts, Side::old_side, GateState::open);
  const bool new_open = has_gate(facts, Side::new_side, GateState::open);
  if (facts.old_side.reachable && facts.old_side.other_abandoned) {
    return old_open ? serve(Side::old_side)
                    : Verdict{Verdict::Kind::reopen, Side::old_side, {}, {}};
  }
  if (old_open && new_open) {
    return wait("the gates of both databases are open");
  }
  if (old_open || new_open) {
    return serve(old_open ? Side::old_side : Side::new_side);
  }
  for (const Side side : {Side::new_side, Side::old_side}) {
    if (!facts.at(side).reachable) {
      return wait(fmt::format("the {} database is unreachable: {}", sync::name(side),
                              facts.at(side).problem));
    }
  }
  return by_closed_gates(facts, initial);
}

}  // namespace crossover::cutover
