// A verification reads for long, and the service goes on meanwhile.
#include <future>
#include <stdexcept>

#include "base/retry.h"
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;

namespace {

void await(const std::function<bool()>& condition) {
  const SystemClock clock;
  const StopRequest stop;
  if (!poll(clock, stop, std::chrono::seconds(20), std::chrono::milliseconds(2), condition)) {
    throw std::runtime_error("what is awaited has not come about in 20 s");
  }
}

/// How many of the sessions whose names are like that wait for a lock.
std::int64_t waiting(const sync::Database& database, const std::string& name) {
  return database.open("look")
      .query(
          "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
          "WHERE NOT granted AND application_name LIKE $1",
          {name})
      .int64(0, 0);
}

/// An application's statement, on its way.
std::future<void> run(const PostgresServer& server, std::string sql) {
  return std::async(std::launch::async, [&server, sql = std::move(sql)] {
    postgres::ConnectionOptions options = server.options("app");
    options.application_name = "application";
    postgres::Session(options).batch(sql);
  });
}

struct Verifying {
  Verifying() { place.run(0, {"start"}); }
  World world{15, 17};
  Place place{world};
};

const std::string first_table = "public.\"Odd \"\"Name\"";

}  // namespace

TEST_CASE("who waits for a lock that a verification has taken waits for one table at most") {
  Verifying verifying;
  World& world = verifying.world;
  const bool on_source = GENERATE(true, false);
  CAPTURE(on_source);
  Writers writers(world.old_server, 2);
  Halted step(verifying.place, {"verify"}, "verify-table#3");
  // Nothing that a drain would refuse, nor what a drain must wait for.
  std::future<void> change =
      run(on_source ? world.old_server : world.new_server,
          "BEGIN; LOCK TABLE " + first_table + " IN ACCESS EXCLUSIVE MODE; COMMIT");
  await([&] { return waiting(on_source ? world.old_db : world.new_db, "application") == 1; });
  const nlohmann::json result = verifying.place.result(0, step.go_on());
  change.get();
  CHECK(result["metrics"]["common_points"] == 2);
  CHECK(result["checks"].size() == 7);
  carry_the_rest(verifying.place, writers);
}

TEST_CASE("a verification gives way in the midst of a table") {
  Verifying verifying;
  World& world = verifying.world;
  Writers writers(world.old_server, 2);
  Halted step(verifying.place, {"verify"}, "verify-table#3");
  std::future<void> change;  // ends after what it may wait for
  // It can't go on with the third table, and so does not come to its end.
  postgres::Session obstacle = world.new_db.open("obstacle");
  obstacle.batch("BEGIN; LOCK TABLE public.event IN ACCESS EXCLUSIVE MODE");
  step.wake();
  await([&] { return waiting(world.new_db, "crossover verify") == 1; });
  change = run(world.old_server, "TRUNCATE " + first_table);
  REQUIRE(change.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
  change.get();
  obstacle.batch("COMMIT");
  verifying.place.result(0, step.end());
  carry_the_rest(verifying.place, writers);
}

TEST_CASE("a verification that gave way to a change of the schema ends at its next point") {
  Verifying verifying;
  World& world = verifying.world;
  Halted step(verifying.place, {"verify"}, "verify-table#3", "verify-point#2");
  std::future<void> change =
      run(world.old_server, "ALTER TABLE " + first_table + " ADD COLUMN colour text");
  await([&] { return waiting(world.old_db, "application") == 1; });
  step.wake();
  step.await_stop();
  // Only a point from before the change has ended could still be one without it.
  change.get();
  const nlohmann::json refused = verifying.place.result(3, step.go_on());
  CHECK(refused["error"]["message"] ==
        "unable to drain from the old database: its schema has changed: + column "
        "public.Odd \"Name.colour text f");
  CHECK(world.new_db.open("check")
            .query("SELECT to_regclass('crossover.verification') IS NULL")
            .boolean(0, 0));
}
