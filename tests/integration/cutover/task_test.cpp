// The program route-switch against real servers and a real pooler.
#include "integration/cutover/site.h"
#include "postgres/advisory_lock.h"
#include "sync/drain.h"
#include "sync/state.h"

namespace crossover::test {
namespace {

using nlohmann::json;
using sync::Side;

std::vector<std::string> outcomes(Site& site, Side side) {
  postgres::Session session = site.service().databases().at(side).open("test");
  std::vector<std::string> found;
  for (const sync::Evidence& entry : sync::read_evidence(session)) {
    found.push_back(entry.verb + " " + entry.outcome);
  }
  return found;
}

// Who carries the changes, as both databases know it.
std::string drainers(Site& site) {
  std::string found;
  for (const Side side : {Side::old_side, Side::new_side}) {
    postgres::Session session = site.service().databases().at(side).open("test");
    found += sync::read_migration(session)->drainer_token + " ";
  }
  return found;
}

TEST_CASE("route-switch moves the service once, and back, under an approved plan") {
  Site site("approval: required\n");
  CHECK(site.live() == "old");
  const json planned = site.run(0, {"plan"});
  CHECK(planned["changed"] == false);
  const std::string hash = planned["plan_sha256"];
  CHECK(site.run(0, {"switch", "--dry-run"})["plan_sha256"] == hash);

  CHECK(message(site.run(3, {"switch"})) ==
        "unable to run 'route-switch switch': the plan is not approved");
  CHECK(site.live() == "old");

  const json switched = site.run(0, {"switch", "--approved-plan", hash});
  CHECK(switched["changed"] == true);
  CHECK(switched["metrics"]["paused_seconds"] < 2);
  CHECK(site.live() == "new");
  CHECK(site.service().state().target == Side::new_side);
  CHECK_FALSE(site.service().state().paused);

  const std::string follower = drainers(site);
  const json again = site.run(0, {"switch", "--approved-plan", hash});
  CHECK(again["changed"] == false);
  CHECK(drainers(site) == follower);

  const std::string back = site.run(0, {"rollback", "--dry-run"})["plan_sha256"];
  CHECK(back != hash);
  CHECK(message(site.run(3, {"rollback", "--approved-plan", hash}))
            .starts_with("unable to run 'route-switch rollback': the plan has changed since it was "
                         "approved"));
  CHECK(site.live() == "new");
  CHECK(site.run(0, {"rollback", "--approved-plan", back})["changed"] == true);
  CHECK(site.live() == "old");
  CHECK(site.run(0, {"rollback", "--approved-plan", back})["changed"] == false);

  const std::vector<std::string> log = {"switch refused", "switch done", "rollback refused",
                                        "rollback done"};
  CHECK(outcomes(site, Side::old_side) == log);
  CHECK(outcomes(site, Side::new_side) == log);
}

TEST_CASE("a plan changes with the schema and not with the rows") {
  Site site("approval: required\n");
  const std::string hash = site.run(0, {"plan"})["plan_sha256"];
  site.service()
      .server(Side::old_side)
      .connect("app")
      .batch("INSERT INTO public.profile(name) VALUES ('one more')");
  CHECK(site.run(0, {"plan"})["plan_sha256"] == hash);
  site.service()
      .server(Side::new_side)
      .connect("app")
      .batch("ALTER TABLE public.event ADD note text");
  CHECK(message(site.run(3, {"switch", "--approved-plan", hash}))
            .starts_with("unable to run 'route-switch switch': the plan has changed since it was "
                         "approved (approved " +
                         hash));
  CHECK(site.live() == "old");
}

TEST_CASE("another run of the migration keeps route-switch out") {
  Site site;
  postgres::Session other = site.service().databases().new_db.open("data-sync");
  postgres::lock(other, migration, postgres::advisory_key(migration));
  const json refused = site.run(5, {"switch"});
  CHECK(refused["error"]["kind"] == "locked");
  CHECK(message(refused).starts_with("unable to lock migration 'registry'"));
  CHECK(site.live() == "old");
}

TEST_CASE("over the pause budget the service stays where it was") {
  Site site;
  Writers writers(site.service(), 3, std::chrono::milliseconds(20));
  REQUIRE(writers.wait_for(5, std::chrono::seconds(30)));
  {
    // Sessions of Crossover's own are no long transactions, so the guard lets this one through.
    postgres::Session blocker = site.service().databases().old_db.open("blocker");
    blocker.batch("BEGIN; LOCK TABLE public.profile IN ROW EXCLUSIVE MODE");
    const json late = site.run(6, {"switch", "--pause-budget", "700ms"});
    CHECK(message(late).starts_with("unable to switch to the new database within 700 ms: "));
    CHECK(site.live() == "old");
    CHECK_FALSE(site.service().state().paused);
    CHECK(writers.wait_for(5, std::chrono::seconds(30)));
  }
  CHECK(site.run(0, {"switch"})["changed"] == true);
  CHECK(site.live() == "new");
  CHECK(writers.wait_for(5, std::chrono::seconds(30)));
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(site.service(), Side::new_side) == std::vector<std::string>{});
}

TEST_CASE("a transaction that has been open for long is named before anything is paused") {
  Site site;
  postgres::Session idle = site.service().server(Side::old_side).connect("app");
  idle.batch("SET application_name = 'nightly report'; BEGIN; SELECT count(*) FROM public.profile");
  const json refused = site.run(3, {"switch", "--pause-budget", "2ms"});
  CHECK(
      message(refused).starts_with("unable to switch: a transaction of 'nightly report' (postgres "
                                   "at 127.0.0.1) has been open "));
  CHECK(site.live() == "old");
}

TEST_CASE("killed in the pause, a rerun ends the switch without a new approval") {
  Site site("approval: required\n");
  const std::string hash = site.run(0, {"plan"})["plan_sha256"];
  for (const std::string point : {"switch-recorded", "switch-closed", "switch-committed"}) {
    INFO(point);
    CHECK(site.start({"switch", "--approved-plan", hash}, point + ":kill").signal == 9);
    const json resumed = site.run(0, {"switch"});
    CHECK(resumed["status"] == "done");
    CHECK(site.live() == "new");
    CHECK(site.service().state().target == Side::new_side);
    CHECK_FALSE(site.service().state().paused);
    const std::string back = site.run(0, {"rollback", "--dry-run"})["plan_sha256"];
    CHECK(site.run(0, {"rollback", "--approved-plan", back})["changed"] == true);
    CHECK(message(site.run(3, {"switch"})) ==
          "unable to run 'route-switch switch': the plan is not approved");
  }
}

TEST_CASE("status shows the lag, and guard --check whether the pooler serves") {
  Site site;
  site.service()
      .server(Side::old_side)
      .connect("app")
      .batch("INSERT INTO public.profile(name) VALUES ('not carried yet')");
  const json status = site.run(0, {"status"});
  CHECK(status["metrics"]["lag_entries"] == 1);
  CHECK(check_named(status, "lag")["outcome"] == "pass");
  site.run(0, {"guard", "--check"});
  site.service().pooler(0).kill();
  site.service().pooler(0).start(site.service().pooler(0).directory() / "start.ini");
  CHECK(message(site.run(3, {"guard", "--check"})) ==
        "unable to serve: the pooler has not been told yet where it leads");
}

// Rows that only the lost database has, on a site that has been switched; one more was carried
// back.
void lose_something(Site& site) {
  site.run(0, {"switch"});
  postgres::Session app = site.service().server(Side::new_side).connect("app");
  app.batch("INSERT INTO public.profile(name) VALUES ('carried back')");
  postgres::Session session = site.service().databases().new_db.open("test");
  const auto row = *sync::read_migration(session);
  NoLog log;
  sync::Drain(site.service().databases(), sync::Direction::reverse, sync::read_tables(session),
              row.apply_token, row.drainer_token, log)
      .run();
  app.batch("INSERT INTO public.profile(name) VALUES ('lost')");
}

std::int64_t profiles(Site& site, const std::string& name) {
  return site.service().number(Side::old_side,
                               "SELECT count(*) FROM public.profile WHERE name = '" + name + "'");
}

TEST_CASE("with the new database lost, rollback --accept-loss goes back to the last drain") {
  Site site;
  lose_something(site);
  site.service().server(Side::new_side).stop(PostgresServer::Stop::immediate);
  CHECK(site.run(1, {"rollback"})["status"] == "failed");
  CHECK(message(site.run(3, {"rollback", "--accept-loss"})) ==
        "unable to run 'route-switch rollback --accept-loss': it needs an approval of its own, "
        "whatever the configuration says");
  const std::string hash = site.run(0, {"rollback", "--accept-loss", "--dry-run"})["plan_sha256"];
  CHECK(site.run(0, {"rollback", "--accept-loss", "--approved-plan", hash})["changed"] == true);
  CHECK(site.live() == "old");
  CHECK(site.service().state().target == Side::old_side);
  CHECK_FALSE(site.service().state().paused);
  CHECK(profiles(site, "carried back") == 1);
  CHECK(profiles(site, "lost") == 0);
  postgres::Session(site.service().pooler(0).options("app", "app"))
      .batch("INSERT INTO public.profile(name) VALUES ('after')");
  CHECK(profiles(site, "after") == 1);
  CHECK(site.run(0, {"rollback", "--accept-loss", "--approved-plan", hash})["changed"] == false);

  // It comes back with its gate open: nobody goes there, and a rerun closes it.
  site.service().server(Side::new_side).start();
  CHECK(site.live() == "old");
  CHECK(message(site.run(3, {"switch"})) ==
        "unable to switch: the new database was given up by `rollback --accept-loss`");
  CHECK(site.run(0, {"rollback", "--accept-loss", "--approved-plan", hash})["changed"] == true);
  CHECK(site.run(0, {"rollback", "--accept-loss", "--approved-plan", hash})["changed"] == false);
  CHECK(site.live() == "old");
}

TEST_CASE("--accept-loss is refused while the service lives on the old database") {
  Site site;
  const std::string hash = site.run(0, {"rollback", "--accept-loss", "--dry-run"})["plan_sha256"];
  CHECK(message(site.run(3, {"rollback", "--accept-loss", "--approved-plan", hash})) ==
        "unable to give up the new database: the service lives on the old one");
}

TEST_CASE("--accept-loss that was killed is ended by a rerun, from each boundary") {
  for (const std::string point : {"abandon-recorded", "abandon-paused", "abandon-opened"}) {
    INFO(point);
    Site site;
    lose_something(site);
    site.service().server(Side::new_side).stop(PostgresServer::Stop::immediate);
    const std::string hash = site.run(0, {"rollback", "--accept-loss", "--dry-run"})["plan_sha256"];
    const std::vector<std::string> rollback = {"rollback", "--accept-loss", "--approved-plan",
                                               hash};
    CHECK(site.start(rollback, point + ":kill").signal == 9);
    CHECK(site.run(0, rollback)["changed"] == true);
    CHECK(site.live() == "old");
    CHECK(site.service().state().target == Side::old_side);
    CHECK_FALSE(site.service().state().paused);
  }
}

}  // namespace
}  // namespace crossover::test
