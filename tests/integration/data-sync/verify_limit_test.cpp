// A verification reads for hours, and holds back vacuum for no longer than it may.
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;

namespace {

/// Oldest of Crossover's snapshots there, and newest transaction.
std::int64_t oldest_snapshot(const sync::Database& database) {
  return database.open("look")
      .query(
          "SELECT coalesce(min(backend_xmin::text::bigint), 0) FROM pg_stat_activity WHERE "
          "application_name LIKE 'crossover %' AND application_name NOT LIKE 'crossover test %' "
          "AND backend_type = 'client backend'")
      .int64(0, 0);
}

std::int64_t newest_transaction(const sync::Database& database) {
  return database.open("look").query("SELECT txid_current()").int64(0, 0);
}

/// A table of 20 MB in a few rows, which is read in pieces.
struct Bloated {
  explicit Bloated(const std::string& sync) {
    world.add_schema(
        "CREATE TABLE public.wide (id int PRIMARY KEY, body text) WITH (fillfactor = 10)");
    world.old_db.open("test").batch(
        "INSERT INTO public.wide SELECT i, repeat('x', 500) FROM generate_series(1, 4000) i");
    place.run(0, {"start"});
    place.configure(sync);
  }
  World world{15, 17};
  Place place{world};
};

}  // namespace

TEST_CASE("a verification lets go of its snapshots in time, in the midst of a table") {
  Bloated bloated("  snapshotLimit: 1ms\n");
  World& world = bloated.world;
  Writers writers(world.old_server, 2);
  Halted step(bloated.place, {"verify"}, "verify-moved-on#1", "verify-moved-on#2");
  const std::int64_t in_source = newest_transaction(world.old_db);
  const std::int64_t in_target = newest_transaction(world.new_db);
  CHECK(oldest_snapshot(world.old_db) > 0);
  CHECK(oldest_snapshot(world.old_db) <= in_source);
  step.wake();
  step.await_stop();
  // What was held then is held no more.
  CHECK(oldest_snapshot(world.old_db) > in_source);
  CHECK(oldest_snapshot(world.new_db) >= in_target);
  const nlohmann::json result = bloated.place.result(0, step.go_on());
  CHECK(result["metrics"]["common_points"] >= 9);  // seven other tables
  CHECK(result["checks"].size() == 8);
  carry_the_rest(bloated.place, writers);
}

TEST_CASE("a verification that may hold its snapshots takes one, and finds the same") {
  const std::string limit = GENERATE("0s", "30m", "1ms");
  CAPTURE(limit);
  Bloated bloated("  snapshotLimit: " + limit + "\n");
  sync::open_apply_session(
      bloated.world.new_db, "test",
      sync::read_migration(*std::make_unique<postgres::Session>(bloated.world.new_db.open("test")))
          ->apply_token)
      .batch(
          "UPDATE public.wide SET body = 'false' WHERE id = 1;"
          "DELETE FROM public.wide WHERE id = 2500;"
          "INSERT INTO public.wide VALUES (9000, 'false')");
  const nlohmann::json result = bloated.place.run(4, {"verify"});
  CHECK((result["metrics"]["common_points"] > 1) == (limit == "1ms"));
  std::vector<nlohmann::json> rows = result["tables"][0]["rows"];
  std::sort(rows.begin(), rows.end());
  CHECK(rows == std::vector<nlohmann::json>{{"public.wide", "1", "different"},
                                            {"public.wide", "2500", "only in source"},
                                            {"public.wide", "9000", "only in target"}});
}
