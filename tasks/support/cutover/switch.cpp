#include "cutover/switch.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/error.h"
#include "base/stop_point.h"
#include "cutover/abandon.h"
#include "cutover/cutover_lock.h"
#include "cutover/recovery.h"
#include "cutover/switch_guards.h"
#include "cutover/window.h"
#include "sync/gate.h"
#include "sync/state.h"

namespace crossover::cutover {
namespace {

using postgres::Session;

std::vector<const sync::Database*> both(const sync::Databases& databases) {
  return {&databases.old_db, &databases.new_db};
}

class Switch {
 public:
  Switch(const sync::Databases& databases, Fleet& fleet, const SwitchOptions& options,
         const Clock& clock, Log& log, const StopRequest& stop)
      : databases_(databases),
        fleet_(fleet),
        options_(options),
        clock_(clock),
        log_(log),
        stop_(stop),
        old_window_(databases.old_db),
        new_window_(databases.new_db),
        source_(window(from()).open("switch")),
        target_(databases.at(options.to).open("switch")) {}

  SwitchReport run() {
    const auto left = sync::require_migration(source_, databases_.at(from()).describe());
    const auto state = sync::require_migration(target_, databases_.at(options_.to).describe());
    // Whoever answers this may keep us waiting, and under the lock the guards would wait with us.
    if (options_.running_poolers) {
      require_whole(fleet_, options_.running_poolers());
    }
    lock();
    require_kept(source_, target_);
    if (already_there()) {
      return report_;
    }
    take_tokens();
    stop_point("switch-owner-taken");
    settle();
    if (sync::gate_state(target_) == sync::GateState::open) {
      finish_clearing();
      return report_;
    }
    require_gates(source_, target_, options_.to);
    require_copied(target_, options_.to);
    try {
      prepare(state.apply_token);
    } catch (...) {
      if (left.moving_to.empty() && state.moving_to.empty() && !report_.recovered) {
        forget_move();
      }
      throw;
    }
    move();
    report_.changed = true;
    try {
      clear();
    } catch (Error& error) {
      error.add_context(
          fmt::format("the service was moved to the {} database", sync::name(options_.to)));
      error.set_hint("run this step again; see `route-switch status` for where the service is now");
      throw;
    }
    return report_;
  }

 private:
  Side from() const { return sync::other(options_.to); }

  const CancellableDatabase& window(Side side) const {
    return side == Side::old_side ? old_window_ : new_window_;
  }

  void lock() {
    if (fleet_.empty()) {
      throw Error(ErrorKind::precondition, "unable to switch: there is no pooler",
                  "make it with `db-provision apply`");
    }
    lock_.reset();
    lock_ = std::make_unique<CutoverLock>(both(databases_), options_.migration, LockMode::task,
                                          options_.lock_patience, clock_);
    fleet_.set_fence([this] { require_lock(); });
    stop_point("switch-locked");
    token_ = sync::new_token();
  }

  // Then nothing is touched: the tokens are those of a follower that carries the changes back.
  bool already_there() {
    const Facts facts = read_facts(databases_, options_.migration);
    const SideFacts& there = facts.at(options_.to);
    const SideFacts& left = facts.at(from());
    if (there.gate != sync::GateState::open || left.gate != sync::GateState::closed ||
        there.moving_to || left.moving_to) {
      return false;
    }
    const auto states = fleet_.states(Deadline(clock_, std::chrono::seconds(5)));
    return std::all_of(states.begin(), states.end(), [this](const PoolerState& state) {
      return state.serving && !state.paused && state.target == options_.to;
    });
  }

  void require_lock() const {
    if (!lock_) {
      throw Error(ErrorKind::locked, "unable to go on: the lock of the cutover is lost");
    }
    lock_->throw_if_stale();
  }

  // Both tokens, in both databases: what a former task or follower still has under way ends or is
  // refused.
  void take_tokens() {
    for (Session* session : {&target_, &source_}) {
      sync::take_owner(*session, token_);
      sync::take_drainer(*session, token_);
    }
  }

  // What a broken switch left is finished or undone first, as the guards would.
  void settle() {
    fleet_.expel_others(Deadline(clock_, std::chrono::seconds(5)));
    const Facts facts = read_facts(databases_, options_.migration);
    bool paused = false;
    bool astray = false;
    const Verdict verdict = crash_rule(facts, options_.initial);
    if (is_stranded(facts)) {
      go_on_with_target();
    }
    for (const PoolerState& state : fleet_.states(Deadline(clock_, std::chrono::seconds(5)))) {
      paused = paused || state.paused;
      astray = astray || state.target != verdict.side;
    }
    if (!paused && !astray && verdict.kind == Verdict::Kind::serve) {
      return;
    }
    log_.info("an earlier switch did not end: bringing the service back first");
    const Recovered recovered = recover(databases_, fleet_, recovery(), clock_, log_);
    if (recovered.verdict.kind == Verdict::Kind::wait) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to switch: {}", recovered.verdict.reason),
                  "look at `route-switch status`");
    }
    report_.recovered = true;
    take_tokens();  // the recovery had some of its own
  }

  // The service lived on the other side, which has lost that: recorded as a move there whose commit
  // was lost, which the crash rule, and so the guards too, can end.
  void go_on_with_target() {
    require_not_failed_over(target_, source_, options_.to);
    for (Session* session : {&target_, &source_}) {
      sync::set_moving_to(*session, token_, from());
    }
    stop_point("switch-stranded");
  }

  RecoveryOptions recovery() const {
    RecoveryOptions recovery;
    recovery.migration = options_.migration;
    recovery.initial = options_.initial;
    return recovery;
  }

  // The service is at the target already; at most the notes of a switch that died are left.
  void finish_clearing() {
    // It may have died between clearing the one and the other.
    for (Session* session : {&source_, &target_}) {
      if (!sync::read_migration(*session)->moving_to.empty()) {
        clear();
        return;
      }
    }
  }

  void prepare(const Secret& apply_token) {
    tables_ = sync::read_tables(source_);
    for (Session* session : {&source_, &target_}) {
      if (!options_.plan_sha256.empty()) {
        sync::set_plan(*session, token_, options_.plan_sha256);
      }
      sync::set_moving_to(*session, token_, options_.to);
    }
    stop_point("switch-recorded");
    const sync::Databases window{old_window_, new_window_};
    drain_.emplace(window, sync::direction_to(options_.to), tables_, apply_token, token_, log_);
    const Deadline deadline(clock_, options_.drain_budget);
    sync::DrainReport last;
    do {
      stop_.throw_if_requested();
      if (deadline.passed()) {
        throw Error(
            ErrorKind::timeout,
            fmt::format("unable to switch: the last drain still had {} changed keys", last.keys),
            "wait until the service writes less, then run this step again");
      }
      last = drain_->run();
      ++report_.drains;
    } while (last.keys > options_.small_drain || report_.drains < 2);
    sync::prepare_closing(source_, tables_, options_.pause_budget / 2);
    drain_->prepare_finish(token_, options_.sequence_margin, 2 * options_.pause_budget);
    const bool yields = lower_deadlock_timeout(source_);
    require_quiet_source(source_, tables_, options_.pause_budget / 2, yields);
    stop_point("switch-drained");
    require_near_poolers(fleet_, options_.pause_budget, clock_, log_);
    stop_.throw_if_requested();
    await_settled_poolers(fleet_, options_.pause_budget / 2, clock_);
  }

  // Nothing was paused, and nothing was to be ended of an earlier one, so no switch is under way.
  void forget_move() noexcept {
    drain_.reset();
    try {
      for (Session* session : {&source_, &target_}) {
        sync::set_moving_to(*session, token_, std::nullopt);
      }
    } catch (const std::exception& error) {
      log_.debug("the switch is still recorded as under way: {}", error.what());
    }
  }

  void mark(std::string_view name) {
    const Clock::Monotonic now = clock_.now();
    report_.phases.push_back({std::string(name), phase_wall_, now - phase_start_});
    phase_start_ = now;
    phase_wall_ = clock_.wall();
  }

  void in_budget(const Deadline& deadline) const {
    if (deadline.passed()) {
      throw Error(ErrorKind::timeout, over_budget());
    }
  }

  std::string over_budget() const {
    return fmt::format(
        "the pause took longer than {} ms",
        std::chrono::duration_cast<std::chrono::milliseconds>(options_.pause_budget).count());
  }

  // From the first PAUSE to the last RESUME.
  void move() {
    const Deadline deadline(clock_, options_.pause_budget);
    const Clock::Monotonic start = phase_start_ = clock_.now();
    phase_wall_ = clock_.wall();
    try {
      leave_source(deadline);
    } catch (Error& error) {
      if (!committed_after_all(error, deadline)) {
        throw;
      }
    }
    arrive();
    report_.paused = clock_.now() - start;
  }

  void leave_source(const Deadline& deadline) {
    const Watchdog watchdog(old_window_, new_window_, deadline,
                            [this] { return lock_ && !lock_->fresh(); });
    fleet_.pause(deadline);
    mark("pause");
    stop_point("switch-paused");
    require_lock();
    sync::GateClosing closing(
        source_, tables_, token_,
        std::max<Duration>(deadline.left() / 2, std::chrono::milliseconds(1)));
    mark("lock");
    stop_point("switch-source-locked");
    require_lock();
    // Nobody can write any more, so the rest is applied while the triggers are being switched. Only
    // the target's commit has to wait for the source's.
    std::future<void> closed = std::async(std::launch::async, [&closing] { closing.commit(); });
    const auto step = [&](std::string_view phase) {
      mark(phase);
      in_budget(deadline);
      require_lock();
    };
    report_.last_drain =
        drain_->finish([&](std::string_view phase) { phase == "open" ? mark(phase) : step(phase); },
                       [&] {
                         closed.get();
                         step("close");
                         stop_point("switch-closed");
                       });
    stop_point("switch-opened");
  }

  // Behind the commit there is no way but forward: only the target can be written.
  void arrive() {
    // A connection that has gone dead is noticed by nothing but its silence.
    const Duration each = options_.pause_budget / 4;
    try {
      fleet_.retarget(options_.to, clock_, each);
      mark("retarget");
      stop_point("switch-retargeted");
      fleet_.resume(Deadline(clock_, each));
    } catch (const Error& error) {
      log_.warning("{}: trying again by the crash rule", error.text());
      bring_back(error);
    }
    mark("resume");
    stop_point("switch-resumed");
  }

  // Asks the databases where the service is and brings it up there. Returns whether that is the
  // target; otherwise improves `error` for the caller to throw.
  bool committed_after_all(Error& error, const Deadline& deadline) {
    const bool late = deadline.passed();
    const bool lost = !lock_ || !lock_->fresh() || error.kind() == ErrorKind::locked;
    const Duration silence = lock_ ? lock_->longest_silence() : Duration{};
    log_.warning("{}: asking the databases where the service is", error.text());
    const Side side = bring_back(error);
    if (side == options_.to) {
      return true;
    }
    if (lost && silence > LockTiming{}.stale) {
      error = Error(
          ErrorKind::timeout,
          fmt::format("unable to switch to the {} database: this process was stopped or cut off "
                      "for {} ms in the pause and has lost the cutover's lock",
                      sync::name(options_.to),
                      std::chrono::duration_cast<std::chrono::milliseconds>(silence).count()),
          fmt::format("the service runs on the {} database as before; run this step again where "
                      "nothing suspends it, near both databases",
                      sync::name(from())));
    } else if (late || error.kind() == ErrorKind::timeout) {
      error = Error(
          ErrorKind::timeout,
          fmt::format(
              "unable to switch to the {} database within {} ms: {}", sync::name(options_.to),
              std::chrono::duration_cast<std::chrono::milliseconds>(options_.pause_budget).count(),
              error.text()),
          fmt::format("the service runs on the {} database as before; run this step again "
                      "when less is written, or raise switch.pauseBudget",
                      sync::name(from())));
    } else if (error.hint().empty() || error.sqlstate() == "08007") {  // in doubt no more
      error.set_hint(
          fmt::format("the service runs on the {} database as before; run this step again",
                      sync::name(from())));
    }
    return false;
  }

  Side bring_back(const Error& cause) {
    drain_.reset();  // ends what it has open; its locks would be in our own way
    const Deadline patience(clock_, std::chrono::seconds(30));
    const Deadline alone(clock_, std::chrono::milliseconds(500));
    RecoveryOptions options = recovery();
    options.command_timeout =
        std::max<Duration>(options_.pause_budget / 2, std::chrono::seconds(1));
    while (true) {
      try {
        lock_reachable();
        const Recovered recovered = recover(databases_, fleet_, options, clock_, log_);
        if (recovered.verdict.kind != Verdict::Kind::wait) {
          return recovered.verdict.side;
        }
        log_.warning("the poolers stay paused: {}", recovered.verdict.reason);
      } catch (const Error& error) {
        log_.warning("the poolers stay as they are: {}", error.text());
      }
      if (patience.passed() || stop_.requested()) {
        throw Error(ErrorKind::failure,
                    fmt::format("unable to bring the service back: {}", cause.text()),
                    "the guards beside the poolers go on trying; see `route-switch status`")
            .set_sqlstate(cause.sqlstate());
      }
      if (alone.passed()) {
        // A guard beside its pooler may get where we can't, but does nothing while we have the
        // lock.
        lock_.reset();
        clock_.sleep(std::chrono::seconds(2));
      }
      clock_.sleep(std::chrono::milliseconds(100));
    }
  }

  // Where one side can't be reached its lock can't be had either; the crash rule knows what may be
  // done without it.
  void lock_reachable() {
    if (lock_ && lock_->fresh()) {
      return;
    }
    // What is left of the stale one would stand in the way of the new one, and of the guards while
    // we look, so it goes first; until there is a new one nothing may be commanded.
    lock_.reset();
    const Facts facts = read_facts(databases_, options_.migration);
    std::vector<const sync::Database*> reachable;
    for (const Side side : {Side::old_side, Side::new_side}) {
      if (facts.at(side).reachable) {
        reachable.push_back(&databases_.at(side));
      }
    }
    lock_ = std::make_unique<CutoverLock>(reachable, options_.migration, LockMode::task,
                                          options_.lock_patience, clock_);
  }

  void clear() {
    change_both([this](Session& session) {
      sync::set_phase(session, token_, options_.to == Side::new_side ? "switched" : "following");
    });
    if (replicated()) {
      stop_point("switch-replicated");
      change_both([this](Session& session) { sync::set_moving_to(session, token_, std::nullopt); });
    }
    stop_point("switch-cleared");
  }

  // The sessions may be older than a failover or a recovery: with new ones.
  void change_both(const std::function<void(Session&)>& change) {
    const bool held = lock_ && lock_->fresh();
    lock_reachable();
    for (const Side side : {Side::old_side, Side::new_side}) {
      Session session = databases_.at(side).open("switch");
      if (!held && sync::read_migration(session)->moving_to == sync::name(from())) {
        throw Error(ErrorKind::locked, "unable to go on: another switch has begun meanwhile",
                    "look at `route-switch status`");
      }
      sync::take_owner(session, token_);
      change(session);
    }
  }

  // Whether every replica of the target has the switch on disk. The service runs meanwhile.
  bool replicated() {
    const StopRequest never;  // what is begun is ended, and in bounded time
    Session session = databases_.at(options_.to).open("switch");
    report_.replicas = await_replicas(session, Duration{}, clock_, never);
    if (replicas_behind(report_.replicas).empty()) {
      return true;
    }
    log_.info("the service runs on the {} database: waiting for its replicas to flush the switch",
              sync::name(options_.to));
    report_.replicas = await_replicas(session, options_.replica_patience, clock_, never);
    return replicas_behind(report_.replicas).empty();
  }

  const sync::Databases& databases_;
  Fleet& fleet_;
  const SwitchOptions& options_;
  const Clock& clock_;
  Log& log_;
  const StopRequest& stop_;
  CancellableDatabase old_window_;
  CancellableDatabase new_window_;
  Session source_;
  Session target_;
  std::unique_ptr<CutoverLock> lock_;
  std::string token_;
  std::vector<sync::SyncedTable> tables_;
  std::optional<sync::Drain> drain_;
  Clock::Monotonic phase_start_{};
  Clock::Wall phase_wall_{};
  SwitchReport report_;
};

}  // namespace

SwitchReport run_switch(const sync::Databases& databases, Fleet& fleet,
                        const SwitchOptions& options, const Clock& clock, Log& log,
                        const StopRequest& stop) {
  Switch task(databases, fleet, options, clock, log, stop);
  try {
    SwitchReport report = task.run();
    fleet.set_fence([] {});
    return report;
  } catch (...) {
    fleet.set_fence([] {});
    throw;
  }
}

}  // namespace crossover::cutover
