#include "integration/data-sync/failover.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

// One of each, of rows that nobody else writes.
void write_what_is_lost(const PostgresServer& server) {
  server.connect("app").batch(
      "INSERT INTO public.event (token) VALUES ('lost');"
      "UPDATE public.counter SET value = 99 WHERE id = 1;"
      "DELETE FROM public.tree WHERE id = 300;"
      "INSERT INTO public.note (at, text) VALUES (NULL, 'lost')");
}

}  // namespace

TEST_CASE("what was written since a failover is told from what it has lost") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  const auto standby = left_behind(world.old_server);
  {
    postgres::Session old_side = world.old_server.connect("app");
    old_side.batch(
        "UPDATE public.counter SET value = 99 WHERE id IN (1, 2);"
        "UPDATE public.tree SET parent = 2 WHERE id = 299;"
        "DELETE FROM public.tree WHERE id IN (298, 300);"
        "DELETE FROM public.\"Odd \"\"Name\";");
  }
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  std::string doubt = " ?";
  SECTION("by transactions that have got the ids of those that were lost") {}
  SECTION("by transactions with ids of their own") {
    postgres::Session session = promoted.open("test");
    for (int i = 0; i < 200; ++i) {
      session.query("SELECT txid_current()");
    }
    doubt = "";
  }
  promoted.open("test").batch(
      "UPDATE public.counter SET value = 5 WHERE id IN (2, 3);"  // 2 was lost, 3 was not
      "INSERT INTO public.counter (id, value) VALUES (5000, 7);"
      "DELETE FROM public.counter WHERE id = 4;"
      "DELETE FROM public.tree WHERE id = 299;"             // whose change was lost
      "UPDATE public.tree SET parent = 3 WHERE id = 298");  // whose deletion was lost
  place.run(0, {"start"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  std::vector<std::string> saved = saved_rows(world.new_db);
  const auto is_odd = [](const std::string& row) { return row.starts_with("Odd"); };
  CHECK(std::count_if(saved.begin(), saved.end(), is_odd) == 200);
  std::erase_if(saved, is_odd);
  CHECK(saved == std::vector<std::string>{"counter update 99", "counter update 99" + doubt,
                                          "tree delete 300", "tree insert 299" + doubt});
}

TEST_CASE("nothing is listed as lost when a failover has lost nothing") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  write_what_is_lost(world.old_server);
  place.run(0, {"follow", "--until-caught-up"});
  const auto standby = left_behind(world.old_server);
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  write_what_is_lost(*standby);
  promoted.open("test").batch(
      "UPDATE public.counter SET value = value + 1; DELETE FROM public.event WHERE id < 100;"
      "TRUNCATE public.part; DELETE FROM public.note");
  place.run(0, {"start"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  CHECK(saved_rows(world.new_db) == std::vector<std::string>{});
}

TEST_CASE("a target that failed over as well keeps what it can't tell from a loss") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  const auto new_standby = left_behind(world.new_server);
  const auto standby = left_behind(world.old_server);
  take_over(world.new_server, *new_standby);
  take_over(world.old_server, *standby);
  place.fail_over(*standby, *new_standby);
  const TestDatabase promoted(*standby, "app");
  const TestDatabase target(*new_standby, "app");
  promoted.open("test").batch("UPDATE public.counter SET value = 5 WHERE id = 3");
  place.run(0, {"start"});
  CHECK(World::equal_by_sql({promoted, target}));
  CHECK(saved_rows(target) == std::vector<std::string>{"counter update 0 ?"});
}

TEST_CASE("rows that a repair has brought are not taken for losses of the next failover") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  const auto standby = left_behind(world.old_server);
  write_what_is_lost(world.old_server);
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  REQUIRE(place.start({"start"}, "repair-committed:kill").signal == 9);
  const std::vector<std::string> lost = {"counter update 99", "event insert lost",
                                         "note insert \\N\tlost", "tree delete 300"};
  CHECK(saved_rows(world.new_db) == lost);
  const auto second = left_behind(*standby);
  take_over(*standby, *second);
  place.fail_over(*second, world.new_server);
  const TestDatabase promoted(*second, "app");
  promoted.open("test").batch("UPDATE public.counter SET value = 5 WHERE id = 1");
  place.run(0, {"start"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  std::vector<std::string> both = lost;
  both.insert(both.begin(), "counter update 0 ?");  // nothing is known of the time between
  CHECK(saved_rows(world.new_db) == both);
}

TEST_CASE("a source that failed over to before its capture is copied again and its losses listed") {
  World world(15, 17);
  Place place(world);
  REQUIRE(place.start({"start"}, "start-recorded:kill").signal == 9);
  const auto standby = left_behind(world.old_server);
  place.run(0, {"start"});
  write_what_is_lost(world.old_server);
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  REQUIRE(place.start({"start"}, "start-saved:kill").signal == 9);  // and all of that goes again
  const json again = place.run(0, {"start"});
  const auto changes = changes_of(again);
  for (const char* table : {"counter", "event", "note"}) {
    CHECK(
        std::count(changes.begin(), changes.end(),
                   fmt::format("new database rows public.{}: 1 rows saved in crossover.saved_row, "
                               "since the old database has failed over, 1 of them not certain to "
                               "be lost",
                               table)) == 1);
  }
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  // Nothing says which of the rows that the target has not are new.
  CHECK(saved_rows(world.new_db) == std::vector<std::string>{"counter update 99 ?",
                                                             "event insert lost ?",
                                                             "note insert \\N\tlost ?"});
  CHECK(place.run(0, {"start"})["changed"] == false);
  CHECK(saved_rows(world.new_db).size() == 3);
}

TEST_CASE("a source that failed over in the midst of a copy and lost its capture is listed too") {
  World world(15, 17);
  Place place(world);
  place.configure("  workers: 1\n");
  REQUIRE(place.start({"start"}, "start-recorded:kill").signal == 9);
  const auto standby = left_behind(world.old_server);
  REQUIRE(place.start({"start"}, "copy-truncated:kill").signal == 9);
  write_what_is_lost(world.old_server);
  REQUIRE(place.start({"start"}, "copy-committed#2:kill").signal == 9);  // two of seven tables
  std::vector<std::string> expected;
  {
    postgres::Session target = world.new_db.open("test");
    for (const auto& [table, row] :
         {std::pair("counter WHERE id = 1", "counter update 99 ?"),
          std::pair("event WHERE token = 'lost'", "event insert lost ?"),
          std::pair("note WHERE text = 'lost'", "note insert \\N\tlost ?")}) {
      if (!target.query(fmt::format("SELECT FROM public.{}", table)).empty()) {
        expected.emplace_back(row);
      }
    }
  }
  REQUIRE_FALSE(expected.empty());
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  place.run(0, {"start"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  CHECK(saved_rows(world.new_db) == expected);
}

TEST_CASE("a failed-over source whose log was given up is copied again and its losses listed") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  const auto standby = left_behind(world.old_server);
  write_what_is_lost(world.old_server);
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  promoted.open("test").batch("UPDATE public.counter SET value = 5 WHERE id > 1");
  place.configure("  logLimit: 1\n");
  place.run(1, {"follow"});
  place.configure("");
  place.run(0, {"start"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  CHECK(saved_rows(world.new_db) == std::vector<std::string>{"counter update 99 ?",
                                                             "event insert lost ?",
                                                             "note insert \\N\tlost ?"});
}

TEST_CASE("nothing is listed when a source that is copied again has not failed over") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  place.configure("  logLimit: 1\n");
  world.old_server.connect("app").batch("UPDATE public.counter SET value = 5");
  place.run(1, {"follow"});
  place.configure("");
  place.run(0, {"start"});
  CHECK(world.equal_by_sql());
  CHECK(saved_rows(world.new_db) == std::vector<std::string>{});
}

TEST_CASE("rows that came into the target before its gate was closed are looked at again") {
  World world(15, 17);
  Place place(world);
  REQUIRE(place.start({"start"}, "start-recorded:kill").signal == 9);
  world.new_server.connect("app").batch("INSERT INTO public.counter (id) VALUES (999999)");
  CHECK(message(place.run(4, {"start"})) ==
        "unable to copy over the target's rows: id=999999 of 'public.counter' is in the target "
        "only");
}
