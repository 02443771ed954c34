#include "integration/data-sync/failover.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

TEST_CASE("an old database that failed over without its last commits is followed again") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  const auto standby = left_behind(world.old_server);
  {
    postgres::Session old_side = world.old_server.connect("app");
    old_side.query("INSERT INTO public.event (token) VALUES ('lost')");
    old_side.query("UPDATE public.counter SET value = 99 WHERE id = 1");
    old_side.query("DELETE FROM public.tree WHERE id = 300");
    old_side.query("INSERT INTO public.note (at, text) VALUES (NULL, 'lost')");
  }
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  {
    // The transaction ids that were lost are handed out again.
    postgres::Session old_side = promoted.open("test");
    for (int i = 0; i < 40; ++i) {
      old_side.query("INSERT INTO public.event (token) VALUES ($1)", {fmt::format("after {}", i)});
      old_side.query("UPDATE public.counter SET value = value + 1 WHERE id = 2");
    }
  }
  const json refused = place.run(3, {"follow", "--until-caught-up"});
  CHECK(refused["error"]["message"] ==
        "unable to drain from the old database: it has failed over (timeline 00000002, was "
        "00000001), and what its last commits were is not certain");
  CHECK(refused["error"]["hint"] ==
        "run `data-sync start` again: it compares all rows, repairs those that differ and saves "
        "those that only the target has");

  const json repaired = place.run(0, {"start"});
  CHECK(changes_of(repaired) ==
        std::vector<std::string>{
            "new database rows public.counter: 2 rows brought from the old database after its "
            "failover, 1 rows saved in crossover.saved_row",
            "new database rows public.event: 40 rows brought from the old database after its "
            "failover, 1 rows saved in crossover.saved_row, 1 of them not certain to be lost",
            "new database rows public.note: 20 rows brought from the old database after its "
            "failover, 1 rows saved in crossover.saved_row",
            "new database rows public.tree: 1 rows brought from the old database after its "
            "failover, 1 rows saved in crossover.saved_row",
            "new database position moved to the new timeline"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  postgres::Session new_side = world.new_db.open("test");
  // Not the counter that was only written since. The event's id was handed out again.
  CHECK(saved_rows(world.new_db) ==
        std::vector<std::string>{"counter update 99", "event update lost ?",
                                 "note insert \\N\tlost", "tree delete 300"});

  CHECK(place.run(0, {"start"})["changed"] == false);
  promoted.open("test").query("UPDATE public.counter SET value = value + 1 WHERE id = 3");
  place.run(0, {"follow", "--until-caught-up"});
  place.run(0, {"verify"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  place.run(0, {"abort", "--evidence-file", "evidence.json"});
  const json evidence = json::parse(files::read(place.directory.path() / "evidence.json"));
  CHECK(evidence["saved_rows"]["new"].size() == 4);
  const json& lost = evidence["saved_rows"]["new"][1];
  CHECK(lost["content"]["token"] == "lost");
  CHECK(lost["operation"] == "update");
  CHECK(lost["certain"] == false);
}

TEST_CASE("a row that gives way is saved whatever it holds") {
  World world(15, 17);
  Place place(world);
  world.add_schema("CREATE TABLE public.doc (t text PRIMARY KEY, body json)");
  place.run(0, {"start"});
  const auto standby = left_behind(world.old_server);
  world.old_server.connect("app").batch(
      R"(INSERT INTO public.doc VALUES ('lost', '{"never": "jsonb \\u0000"}'))");
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  place.run(0, {"start"});
  postgres::Session new_side = world.new_db.open("test");
  CHECK(column(new_side, "SELECT content FROM crossover.saved_row") ==
        std::vector<std::string>{R"({"t":"lost","body":{"never": "jsonb \\u0000"}})"});
}

TEST_CASE("a repair that was killed at any boundary is done by the next run") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  const auto standby = left_behind(world.old_server);
  world.old_server.connect("app").query("INSERT INTO public.event (token) VALUES ('lost')");
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  REQUIRE(place.start({"start"}, "repair-applied:kill").signal == 9);
  CHECK_FALSE(World::equal_by_sql({promoted, world.new_db}));
  REQUIRE(place.start({"start"}, "repair-committed:kill").signal == 9);
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  place.run(0, {"start"});
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  postgres::Session new_side = world.new_db.open("test");
  CHECK(column(new_side, "SELECT content->>'token' FROM crossover.saved_row") ==
        std::vector<std::string>{"lost"});
}

TEST_CASE("a new database that failed over without its last drains gets them again") {
  World world(15, 17);
  Place place(world);
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  const auto standby = left_behind(world.new_server);
  world.old_server.connect("app").query("INSERT INTO public.event (token) VALUES ('drained')");
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.new_server, *standby);
  place.fail_over(world.old_server, *standby);
  const TestDatabase promoted(*standby, "app");
  // Not carried yet: the live side's rows must not give way to those of a side behind its gate.
  world.old_server.connect("app").query("INSERT INTO public.event (token) VALUES ('live')");
  const json moved = place.run(0, {"start", "--reverse"});
  CHECK(changes_of(moved) ==
        std::vector<std::string>{"old database position moved to the new timeline"});
  postgres::Session old_side = world.old_db.open("test");
  CHECK(column(old_side, "SELECT token FROM public.event WHERE token IN ('drained', 'live')") ==
        std::vector<std::string>{"drained", "live"});
  CHECK(column(old_side, "SELECT id FROM crossover.saved_row").empty());
  place.run(0, {"follow", "--until-caught-up"});
  place.run(0, {"verify"});
  CHECK(World::equal_by_sql({world.old_db, promoted}));
}

TEST_CASE(
    "an old database that fails over in the midst of a copy is copied to the end and repaired") {
  World world(15, 17);
  Place place(world);
  place.configure("  workers: 1\n");
  REQUIRE(place.start({"start"}, "copy-truncated:kill").signal == 9);
  const auto standby = left_behind(world.old_server);
  world.old_server.connect("app").query("INSERT INTO public.event (token) VALUES ('lost')");
  REQUIRE(place.start({"start"}, "copy-committed#2:kill").signal ==
          9);  // the two largest are there
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  Writers writers(*standby, 2);
  CHECK(place.run(3, {"follow"})["error"]["message"] ==
        "unable to carry changes to the new database: 5 of 7 tables are not copied");
  place.run(0, {"start"});
  writers.stop();
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  CHECK(writers.differences(promoted) == std::vector<std::string>{});
  CHECK(writers.differences(world.new_db) == std::vector<std::string>{});
  postgres::Session new_side = world.new_db.open("test");
  CHECK(column(new_side,
               "SELECT content->>'token' FROM crossover.saved_row WHERE content->>'token' <> ''") ==
        std::vector<std::string>{"lost"});
}

TEST_CASE("a new database that fails over in the midst of a copy gets the lost tables again") {
  World world(15, 17);
  Place place(world);
  place.configure("  workers: 1\n");
  Writers writers(world.old_server, 2);
  REQUIRE(place.start({"start"}, "copy-committed#1:kill").signal == 9);
  const auto standby = left_behind(world.new_server);
  REQUIRE(place.start({"start"}, "copy-committed#2:kill").signal == 9);
  take_over(world.new_server, *standby);
  place.fail_over(world.old_server, *standby);
  const TestDatabase promoted(*standby, "app");
  place.run(0, {"start"});
  writers.stop();
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(World::equal_by_sql({world.old_db, promoted}));
  CHECK(writers.differences(promoted) == std::vector<std::string>{});
}

TEST_CASE(
    "an old database that fails over to before its capture is copied again when one says so") {
  World world(15, 17);
  Place place(world);
  const auto standby = left_behind(world.old_server);
  place.run(0, {"start"});
  world.old_server.connect("app").query("INSERT INTO public.event (token) VALUES ('lost')");
  place.run(0, {"follow", "--until-caught-up"});
  take_over(world.old_server, *standby);
  place.fail_over(*standby, world.new_server);
  const TestDatabase promoted(*standby, "app");
  for (const char* verb : {"follow", "verify"}) {
    const json refused = place.run(3, {verb});
    CHECK(refused["error"]["message"] ==
          "unable to drain from the old database: capture was taken off since the last drain, so "
          "not all that was written there is known");
    CHECK(refused["error"]["hint"] == "run `data-sync start`: it copies everything again");
  }
  CHECK(place.run(4, {"start"})["error"]["message"] ==
        "unable to copy over the target's rows: id=5001 of 'public.event' is in the target only");
  place.configure("  tables: {public.event: {acceptTargetOnly: true}}\n");
  place.run(0, {"start"});
  CHECK(saved_rows(world.new_db) == std::vector<std::string>{"event insert lost ?"});
  Writers writers(*standby, 2);
  writers.stop();
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(World::equal_by_sql({promoted, world.new_db}));
  CHECK(writers.differences(world.new_db) == std::vector<std::string>{});
}

TEST_CASE("a new database that fails over to before its state is begun anew") {
  World world(15, 17);
  Place place(world);
  const auto standby = left_behind(world.new_server);
  Writers writers(world.old_server, 2);
  place.run(0, {"start"});
  take_over(world.new_server, *standby);
  place.fail_over(world.old_server, *standby);
  const TestDatabase promoted(*standby, "app");
  for (const char* verb : {"follow", "verify"}) {
    const json refused = place.run(3, {verb});
    CHECK(
        refused["error"]["message"] ==
        fmt::format("unable to find a migration in '127.0.0.1:{}/app': it has no schema crossover",
                    standby->port()));
    CHECK(refused["error"]["hint"] == "run `data-sync start` first");
  }
  place.run(0, {"start"});
  writers.stop();
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(World::equal_by_sql({world.old_db, promoted}));
  CHECK(writers.differences(promoted) == std::vector<std::string>{});
}
