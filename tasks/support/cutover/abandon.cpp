#include "cutover/abandon.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/stop_point.h"
#include "cutover/cutover_lock.h"
#include "cutover/recovery.h"
#include "sync/gate.h"
#include "sync/state.h"

namespace crossover::cutover {
namespace {

using postgres::Session;
using sync::GateState;

constexpr auto command_time = std::chrono::seconds(5);

class Abandonment {
 public:
  Abandonment(const sync::Databases& databases, Fleet& fleet, const SwitchOptions& options,
              const Clock& clock, Log& log)
      : databases_(databases),
        fleet_(fleet),
        options_(options),
        clock_(clock),
        log_(log),
        facts_(read_facts(databases, options.migration)),
        old_(databases.old_db.open("abandon")),
        lock_(reachable(), options.migration, LockMode::task, options.lock_patience, clock) {
    fleet_.set_fence([this] { lock_.throw_if_stale(); });
  }
  ~Abandonment() {
    fleet_.set_fence([] {});
  }
  Abandonment(const Abandonment&) = delete;
  Abandonment& operator=(const Abandonment&) = delete;

  SwitchReport run() {
    require_lost();
    fleet_.expel_others(Deadline(clock_, command_time));
    const bool due = sync::gate_state(old_) != GateState::open || !serving();
    // Before anything is closed: were this killed with both closed and nothing recorded, nobody
    // could tell where the service belongs.
    if (due) {
      record();
      stop_point("abandon-recorded");
    }
    close_new();
    stop_point("abandon-closed");
    if (due) {
      const Clock::Monotonic start = clock_.now();
      pause();
      stop_point("abandon-paused");
      sync::open_gate(old_, sync::read_tables(old_), token_, options_.lock_patience);
      stop_point("abandon-opened");
      fleet_.retarget(Side::old_side, Deadline(clock_, command_time));
      fleet_.resume(Deadline(clock_, command_time));
      report_.paused = clock_.now() - start;
      report_.changed = true;
    }
    if (!sync::require_migration(old_, databases_.old_db.describe()).moving_to.empty()) {
      sync::take_owner(old_, token_);
      sync::set_moving_to(old_, token_, std::nullopt);
    }
    return report_;
  }

 private:
  std::vector<const sync::Database*> reachable() const {
    std::vector<const sync::Database*> found = {&databases_.old_db};
    if (facts_.new_side.reachable) {
      found.push_back(&databases_.new_db);
    }
    return found;
  }

  void require_lost() const {
    if (!facts_.old_side.other_abandoned && facts_.old_side.gate == GateState::open) {
      throw Error(ErrorKind::precondition,
                  "unable to give up the new database: the service lives on the old one",
                  "nothing is lost: see `route-switch status`");
    }
  }

  bool serving() {
    for (const PoolerState& state : fleet_.states(Deadline(clock_, command_time))) {
      if (!state.serving || state.paused || state.target != Side::old_side) {
        return false;
      }
    }
    return true;
  }

  // One that answers must not take what nobody will look at. One that can't be closed is broken,
  // which is why it is given up.
  void close_new() {
    if (!facts_.new_side.reachable || facts_.new_side.gate == GateState::closed) {
      return;
    }
    try {
      Session session = databases_.new_db.open("abandon");
      sync::take_owner(session, token_);
      sync::take_drainer(session, token_);
      sync::close_gate(session, sync::read_tables(session), token_, options_.pause_budget);
      report_.changed = true;
    } catch (const Error& error) {
      log_.warning("the new database stays open: {}", error.text());
    }
  }

  // From here on the guards bring the service to the old database by themselves.
  void record() {
    sync::take_owner(old_, token_);
    sync::take_drainer(old_, token_);  // a reverse drain must write nothing into a live database
    if (!options_.plan_sha256.empty()) {
      sync::set_plan(old_, token_, options_.plan_sha256);
    }
    sync::set_phase(old_, token_, sync::abandoned_phase);
    sync::set_moving_to(old_, token_, Side::old_side);
  }

  void pause() {
    try {
      fleet_.pause(Deadline(clock_, options_.pause_budget));
    } catch (const Error& error) {
      log_.warning("{}: cutting off the requests that wait for the new database", error.text());
      fleet_.cut_off(Deadline(clock_, command_time));
    }
  }

  const sync::Databases& databases_;
  Fleet& fleet_;
  const SwitchOptions& options_;
  const Clock& clock_;
  Log& log_;
  Facts facts_;
  Session old_;
  CutoverLock lock_;
  std::string token_ = sync::new_token();
  SwitchReport report_;
};

}  // namespace

std::string last_drained_at(Session& old_session, const std::string& where) {
  const auto rows = old_session.query(
      "SELECT to_char(drained_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM crossover.position "
      "WHERE direction = 'reverse'");
  if (rows.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to go back to '{}': nothing of the new database was ever "
                            "carried there",
                            where),
                "run `data-sync start --reverse` before a switch");
  }
  // A copy that is under way, or was left half-way, has emptied tables.
  if (const std::int64_t missing = sync::uncopied_tables(old_session); missing > 0) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to go back to '{}': {} of its tables are not copied from the "
                            "new database",
                            where, missing),
                "run `data-sync start --reverse` to its end if the new database still answers; "
                "else restore a backup");
  }
  return std::string(rows.text(0, 0));
}

SwitchReport abandon_new(const sync::Databases& databases, Fleet& fleet,
                         const SwitchOptions& options, const Clock& clock, Log& log) {
  return Abandonment(databases, fleet, options, clock, log).run();
}

}  // namespace crossover::cutover
