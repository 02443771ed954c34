// What holds a switch up before anything is touched, and what never holds a rollback up.
#include "integration/cutover/site.h"
#include "sync/backlog.h"
#include "sync/gate.h"
#include "sync/state.h"
#include "sync/verification.h"

namespace crossover::test {
namespace {

using nlohmann::json;
using sync::Direction;
using sync::Side;

std::string hint(const json& result) { return result.at("error").at("hint"); }

postgres::Session new_side(Site& site) { return site.service().databases().new_db.open("test"); }

void write(Site& site, int rows) {
  site.service()
      .server(Side::old_side)
      .connect("app")
      .query("INSERT INTO public.profile(name) SELECT 'more' || i FROM generate_series(1, $1) i",
             {std::to_string(rows)});
}

TEST_CASE("switch wants rows that were verified since they were copied") {
  Site site;
  postgres::Session session = new_side(site);
  sync::forget_verification(session, Direction::forward);
  const json none = site.run(3, {"switch"});
  CHECK(message(none) ==
        "unable to switch: the rows of the new database have not been verified since they were "
        "copied");
  CHECK(hint(none) ==
        "run `data-sync verify`, which compares all of them while the service goes on");
  CHECK(check_named(site.run(0, {"plan"}), "verification")["outcome"] == "warn");

  sync::record_verification(session, Direction::forward,
                            {.equal = false, .point = "1:1:", .at = {}, .tables = 2});
  CHECK(message(site.run(3, {"switch"})).find("found rows that differ") != std::string::npos);
  CHECK(site.live() == "old");

  sync::record_verification(session, Direction::forward,
                            {.equal = true, .point = "1:1:", .at = {}, .tables = 2});
  CHECK(check_named(site.run(0, {"plan"}), "verification")["outcome"] == "pass");
  CHECK(site.run(0, {"switch"})["changed"] == true);
  // What is done asks for nothing any more, and going back never does.
  sync::forget_verification(session, Direction::forward);
  CHECK(site.run(0, {"switch"})["changed"] == false);
  CHECK(site.run(0, {"rollback"})["changed"] == true);
  CHECK(site.live() == "old");
  CHECK(message(site.run(3, {"switch"})).find("have not been verified") != std::string::npos);
}

TEST_CASE("a switch that was killed goes on without a new verification") {
  Site site;
  CHECK(site.start({"switch"}, "switch-recorded:kill").signal == 9);
  postgres::Session session = new_side(site);
  sync::forget_verification(session, Direction::forward);
  CHECK(site.run(0, {"switch"})["changed"] == true);
  CHECK(site.live() == "new");
}

TEST_CASE("switch waits for nobody when too much is not carried yet, and says so") {
  Site site("approval: none\nswitch: {maxLag: 10KiB}\n");
  write(site, 1000);
  postgres::Session source = site.service().databases().old_db.open("test");
  postgres::Session target = new_side(site);
  const sync::Backlog backlog =
      sync::read_backlog(source, target, Direction::forward, sync::read_tables(source));
  CHECK(backlog.entries == 1000);
  CHECK(backlog.bytes > std::uint64_t{10} * 1024);
  const json refused = site.run(3, {"switch"});
  CHECK(message(refused) ==
        fmt::format("unable to switch: 1000 captured changes of {} bytes are not applied to the "
                    "new database yet, more than the 10240 bytes of switch.maxLag",
                    backlog.bytes));
  CHECK(site.live() == "old");
  CHECK_FALSE(site.service().state().paused);
  CHECK(check_named(site.run(0, {"plan"}), "lag")["outcome"] == "warn");
}

TEST_CASE("a plan shows every guard, and a switch that is done says so") {
  Site site;
  const json plan = site.run(0, {"plan"});
  for (const std::string guard : {"state", "verification", "lag", "transactions", "poolers"}) {
    INFO(guard);
    CHECK(check_named(plan, guard)["outcome"] == "pass");
  }
  CHECK(check_named(plan, "poolers")["detail"] == "1 serve and reach the new database");
  site.run(0, {"switch"});
  CHECK(check_named(site.run(0, {"plan"}), "state")["detail"] ==
        "the service is on the new database already");
}

TEST_CASE("the replicas of the database that was left have its closed gate on disk") {
  Site site;
  const auto standby = site.service().server(Side::old_side).standby();
  const json switched = site.run(0, {"switch"});
  CHECK(check_named(switched, "old replicas") ==
        json{{"name", "old replicas"},
             {"outcome", "pass"},
             {"detail", "1 stream from the old database, and have its closed gate on disk"}});
  postgres::ConnectionOptions options = standby->options("app");
  options.allow_standby = true;
  standby->catch_up_with(site.service().server(Side::old_side));
  postgres::Session session(options);
  CHECK(sync::gate_state(session) == sync::GateState::closed);
}

TEST_CASE("a pooler that was not told yet where it leads holds the switch up") {
  Site site;
  site.service().pooler(0).kill();
  site.service().pooler(0).start(site.service().pooler(0).directory() / "start.ini");
  CHECK(message(site.run(3, {"switch"})).ends_with("has not been told yet where it leads"));
}

}  // namespace
}  // namespace crossover::test
