#include "cutover/guard.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cutover/cutover_lock.h"
#include "sync/state.h"

namespace crossover::cutover {

Guard::Guard(const sync::Databases& databases, Fleet fleet, GuardOptions options,
             const Clock& clock, Log& log)
    : databases_(databases),
      facts_(databases, options.migration),
      fleet_(std::move(fleet)),
      options_(std::move(options)),
      clock_(clock),
      log_(log) {}

Guard::~Guard() = default;

void Guard::run(const StopRequest& stop) {
  while (!stop.requested()) {
    step();
    clock_.sleep(until_next_look());
  }
}

// A poll, or less when the silence that is waited for ends before it.
Duration Guard::until_next_look() const {
  if (!silent_since_) {
    return options_.poll;
  }
  const Duration left = *silent_since_ + options_.silence - clock_.now();
  return left > Duration{} ? std::min(left, options_.poll) : options_.poll;
}

// A task is at work: its last sign in either database counts.
void Guard::note_task(const Facts& facts) {
  Duration silence = Duration::max();
  for (const SideFacts* side : {&facts.old_side, &facts.new_side}) {
    if (side->task_at_work) {
      silence = std::min(silence, side->task_silence);
    }
  }
  last_sign_ = clock_.now() - silence;
  silent_since_.reset();
}

void Guard::note_peace() {
  last_sign_.reset();
  silent_since_.reset();
}

void Guard::step() {
  try {
    look();
  } catch (const std::exception& error) {
    complain(error.what());
  }
}

void Guard::look() {
  const PoolerState state = fleet_.states(Deadline(clock_, std::chrono::seconds(2))).front();
  const bool urgent = state.paused || !state.serving;
  const Clock::Monotonic now = clock_.now();
  if (!urgent) {
    // A pooler that started in the middle of a switch may lead where nobody may write any more.
    if (compared_ && now - *compared_ < options_.compare) {
      note_peace();
      return;
    }
    compared_ = now;
  }
  const Facts facts = facts_.read();
  if (facts.old_side.task_at_work || facts.new_side.task_at_work) {
    note_task(facts);
    return;
  }
  if (state.paused && facts.old_side.reachable && facts.new_side.reachable &&
      !facts.old_side.moving_to && !facts.new_side.moving_to) {
    complain(
        "the pooler is paused and no switch is under way: somebody else paused it, it is left as "
        "it is");
    return;
  }
  if (!urgent) {
    const Verdict verdict = crash_rule(facts, options_.initial);
    // A pooler that runs may still lead where nobody may write, or must be opened again.
    if (verdict.kind == Verdict::Kind::wait) {
      if (facts.old_side.reachable && facts.new_side.reachable) {
        complain(fmt::format("nothing is changed: {}", verdict.text()));
      }
      return;
    }
    if (verdict.kind == Verdict::Kind::serve && state.target == verdict.side) {
      return;
    }
  }
  if (!state.paused && !state.serving) {
    act();  // nothing is under way on a pooler that serves nobody
    return;
  }
  if (!silent_since_) {
    silent_since_ = last_sign_.value_or(now);
  }
  if (now - *silent_since_ >= options_.silence) {
    act();
  } else if (!urgent) {
    compared_.reset();  // look again at the next poll
  }
}

void Guard::act() {
  const Facts facts = facts_.read();
  std::vector<const sync::Database*> reachable;
  for (const Side side : {Side::old_side, Side::new_side}) {
    if (facts.at(side).reachable) {
      reachable.push_back(&databases_.at(side));
    }
  }
  const CutoverLock lock(reachable, options_.migration, LockMode::guard, Duration{}, clock_);
  fleet_.set_fence([&lock] { lock.throw_if_stale(); });
  RecoveryOptions recovery;
  recovery.migration = options_.migration;
  recovery.initial = options_.initial;
  Recovered recovered;
  try {
    recovered = recover(databases_, fleet_, recovery, clock_, log_);
  } catch (...) {
    fleet_.set_fence([] {});
    throw;
  }
  fleet_.set_fence([] {});
  if (recovered.verdict.kind == Verdict::Kind::wait) {
    complain(fmt::format("nothing is changed: {}", recovered.verdict.text()));
    return;
  }
  note_peace();
  complaint_.clear();
  log_.info("pooler '{}' serves the {} database", fleet_.names().front(),
            sync::name(recovered.verdict.side));
}

void Guard::complain(const std::string& text) {
  const Clock::Monotonic now = clock_.now();
  if (text == complaint_ && complained_ && now - *complained_ < options_.complain) {
    return;
  }
  complaint_ = text;
  complained_ = now;
  log_.warning("{}", text);
}

}  // namespace crossover::cutover
