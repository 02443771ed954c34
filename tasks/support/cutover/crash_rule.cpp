#include "cutover/crash_rule.h"

#include <fmt/format.h>

namespace crossover::cutover {
namespace {

using sync::GateState;

Verdict serve(Side side) { return {Verdict::Kind::serve, side, {}}; }
Verdict wait(std::string reason) {
  return {Verdict::Kind::wait, Side::old_side, std::move(reason)};
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
    return target ? Verdict{Verdict::Kind::reopen, sync::other(*target), {}}
                  : wait("the gates of both databases are closed and no switch is under way");
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
  if (facts.old_side.reachable && facts.new_side.reachable) {
    // Recorded in both before the first pause: where they differ, nothing was paused for it.
    return facts.old_side.moving_to == facts.new_side.moving_to ? facts.old_side.moving_to
                                                                : std::nullopt;
  }
  return facts.old_side.reachable ? facts.old_side.moving_to : facts.new_side.moving_to;
}

Verdict crash_rule(const Facts& facts, std::optional<Side> initial) {
  const bool old_open = has_gate(facts, Side::old_side, GateState::open);
  const bool new_open = has_gate(facts, Side::new_side, GateState::open);
  if (facts.old_side.reachable && facts.old_side.other_abandoned) {
    return old_open ? serve(Side::old_side) : Verdict{Verdict::Kind::reopen, Side::old_side, {}};
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
