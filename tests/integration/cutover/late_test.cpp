// Who comes too late, or stopped half-way, must change nothing that others have decided since.
#include "base/error.h"
#include "cutover/recovery.h"
#include "cutover/switch.h"
#include "integration/cutover/driver.h"
#include "integration/cutover/site.h"
#include "sync/gate.h"
#include "sync/state.h"

namespace crossover::test {
namespace {

using nlohmann::json;

void give_up_from_here(Site& site) {
  site.run(0, {"switch"});
  site.service()
      .server(Side::new_side)
      .connect("app")
      .batch("INSERT INTO public.profile(name) VALUES ('lost')");
}

// Whether the pooler gets there; the new side's gate may still be open.
bool await_target(Service& service, Side side) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    try {
      const cutover::PoolerState state = service.state();
      if (state.serving && !state.paused && state.target == side) {
        return true;
      }
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a guard ends other administrators
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

std::vector<std::string> giving_up(Site& site) {
  const std::string hash = site.run(0, {"rollback", "--accept-loss", "--dry-run"})["plan_sha256"];
  return {"rollback", "--accept-loss", "--approved-plan", hash};
}

TEST_CASE("a gate is not closed any more once somebody else has brought the service back") {
  Service service(1);
  const std::string token = sync::new_token();
  for (const Side side : {Side::old_side, Side::new_side}) {
    postgres::Session session = service.databases().at(side).open("switch");
    sync::take_owner(session, token);
    sync::set_moving_to(session, token, Side::new_side);
  }
  // The task is stopped behind its PAUSE, before it closes the old gate.
  cutover::Fleet fleet = service.fleet();
  const SystemClock clock;
  fleet.pause(Deadline(clock, std::chrono::seconds(5)));
  NoLog log;
  cutover::RecoveryOptions options;
  options.migration = migration;
  const cutover::Recovered recovered =
      cutover::recover(service.databases(), fleet, options, clock, log);
  CHECK(recovered.verdict.kind == cutover::Verdict::Kind::serve);
  CHECK(recovered.verdict.side == Side::old_side);
  CHECK_FALSE(service.state().paused);
  postgres::Session late = service.databases().old_db.open("switch");
  try {
    sync::close_gate(late, sync::read_tables(late), token, std::chrono::seconds(1));
    FAIL("it was closed");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::locked);
  }
  CHECK(sync::gate_state(late) == sync::GateState::open);
}

TEST_CASE("--accept-loss that was killed is ended by the guard alone, the new database answering") {
  for (const std::string point : {"abandon-recorded", "abandon-closed", "abandon-paused"}) {
    INFO(point);
    Site site;
    give_up_from_here(site);
    const auto rollback = giving_up(site);
    CHECK(site.start(rollback, point + ":kill").signal == 9);
    const Process guard(guard_of(site.service(), 0), {});
    CHECK(await_target(site.service(), Side::old_side));
    site.run(0, rollback);
    postgres::Session new_side = site.service().databases().new_db.open("check");
    CHECK(sync::gate_state(new_side) == sync::GateState::closed);
    CHECK(site.live() == "old");
  }
}

TEST_CASE("nobody goes back to a database that was not copied to its end") {
  Site site;
  give_up_from_here(site);
  // As a `data-sync start --reverse` leaves it that was killed behind its first step.
  site.service().databases().old_db.open("copy").batch(
      "UPDATE crossover.synced_table SET copied = false; "
      "UPDATE crossover.migration SET phase = 'finished'");
  const json refused = site.run(3, {"rollback"});
  CHECK(message(refused) == "unable to switch to the old database: 2 of its tables are not copied");
  CHECK(refused["error"]["hint"] == "run `data-sync start --reverse` to its end first");
  CHECK(message(site.run(3, {"rollback", "--accept-loss", "--dry-run"}))
            .ends_with("2 of its tables are not copied from the new database"));
  CHECK(site.live() == "new");
}

TEST_CASE("what a killed finish left uncaptured is not switched past") {
  Site site;
  site.run(0, {"switch"});
  CHECK(site.start_program(CROSSOVER_DATA_SYNC, {"finish"}, "capture-disarmed:kill").signal == 9);
  // It had come no further than the old side, so going back loses nothing.
  site.service()
      .server(Side::new_side)
      .connect("app")
      .batch("INSERT INTO public.profile(name) VALUES ('written there')");
  site.run(0, {"rollback"});
  postgres::Session old_side = site.service().server(Side::old_side).connect("app");
  CHECK(old_side.query("SELECT FROM public.profile WHERE name = 'written there'").size() == 1);
  old_side.batch("INSERT INTO public.profile(name) VALUES ('not captured')");
  CHECK(message(site.run(3, {"switch"})) ==
        "unable to drain from the old database: capture was taken off since the last drain, so "
        "not all that was written there is known");
  CHECK(site.live() == "old");
  CHECK(old_side.query("SELECT FROM public.profile WHERE name = 'not captured'").size() == 1);
}

}  // namespace
}  // namespace crossover::test
