#include "integration/data-sync/place.h"
#include "sync/gate.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

TEST_CASE("a migration's data from preflight to removal, each step twice") {
  World world(15, 17);
  const Place place(world);
  const json found = place.run(0, {"preflight"});
  CHECK(found["changed"] == false);
  Writers writers(world.old_server, 3);
  const json planned = place.run(0, {"start", "--dry-run"});
  const json started = place.run(0, {"start", "--approved-plan", planned["plan_sha256"]});
  CHECK(started["changed"] == true);
  const json again = place.run(0, {"start"});
  CHECK(again["changed"] == false);
  CHECK(again["plan_sha256"] == planned["plan_sha256"]);
  place.run(0, {"start", "--reverse"});
  CHECK(place.run(0, {"start", "--reverse"})["changed"] == false);
  place.run(0, {"verify"});
  const json state = place.run(0, {"status"});
  CHECK(state["report"]["old"] ==
        json{{"phase", "following"}, {"gate", "open"}, {"capture", true}});
  CHECK(state["report"]["new"] ==
        json{{"phase", "following"}, {"gate", "closed"}, {"capture", true}});
  carry_the_rest(place, writers);

  const json refused = place.run(3, {"start", "--approved-plan", std::string(64, '0')});
  CHECK(refused["error"]["message"].get<std::string>().starts_with(
      "unable to run 'data-sync start': the plan has changed since it was approved"));
  CHECK(place.run(0, {"abort", "--evidence-file", "evidence.json"})["changed"] == true);
  CHECK(place.run(0, {"abort"})["changed"] == false);
  const json evidence = json::parse(files::read(place.directory.path() / "evidence.json"));
  std::vector<std::string> outcomes;
  for (const json& entry : evidence["old"]) {
    outcomes.push_back(entry["verb"].get<std::string>() + " " +
                       entry["outcome"].get<std::string>());
  }
  CHECK(outcomes == std::vector<std::string>{"start done", "start done", "start refused"});
  postgres::Session old_side = world.old_db.open("test");
  CHECK(sync::gate_state(old_side) == sync::GateState::absent);
}

TEST_CASE("what is removed once is not removed again, and its evidence stays") {
  World world(15, 17);
  const Place place(world);
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  CHECK(place.run(0, {"finish"})["changed"] == true);
  CHECK(place.run(0, {"finish"})["changed"] == false);
  // The service lives on the old database, so the new one's gate stays closed, and with it what
  // closes it.
  CHECK(place.run(0, {"remove"})["changed"] == true);
  const auto file = place.directory.path() / "crossover-test-evidence.json";
  const json exported = json::parse(files::read(file));
  CHECK(exported["old"].size() == 3);
  CHECK(place.run(0, {"remove"})["changed"] == false);
  CHECK(json::parse(files::read(file))["old"] == exported["old"]);
  postgres::Session new_side = world.new_db.open("test");
  CHECK(sync::gate_state(new_side) == sync::GateState::closed);
  CHECK(place.run(0, {"remove", "--open-closed-side"})["changed"] == true);
  CHECK(place.run(0, {"remove", "--open-closed-side"})["changed"] == false);
  CHECK(sync::gate_state(new_side) == sync::GateState::absent);
}

TEST_CASE("a start that was killed between the ranges of a large table begins that table anew") {
  World world(15, 17);
  const Place place(world);
  world.old_server.connect("app").batch(
      "INSERT INTO public.event (token, role_id, body) SELECT 'large ' || i, 1, "
      "to_jsonb(repeat('x', 1000)) FROM generate_series(1, 40000) i");
  Writers writers(world.old_server, 2);
  REQUIRE(place.start({"start"}, "copy-range-committed#2:kill").signal == 9);
  CHECK(
      world.new_server.connect("app").query("SELECT count(*) > 0 FROM public.event").boolean(0, 0));
  place.run(0, {"start"});
  place.run(0, {"verify"});
  carry_the_rest(place, writers);
}

TEST_CASE("seeds that stand on both sides end as the policy says") {
  World world(15, 17);
  const Place place(world);
  {
    postgres::Session new_side = world.new_db.open("test");
    new_side.batch(
        "INSERT INTO public.role (id, name) SELECT i, 'role ' || i FROM generate_series(1, 5) i");
  }
  postgres::Session new_side = world.new_db.open("test");
  const auto count = [&] { return new_side.query("SELECT count(*) FROM public.role").int64(0, 0); };
  SECTION("replace puts the source's rows in their place") {
    place.run(0, {"start"});
    CHECK(world.equal_by_sql());
  }
  SECTION("replace refuses rows that only the target has, and lists them") {
    new_side.batch("INSERT INTO public.role (id, name) VALUES (900, 'auditor')");
    const json refused = place.run(4, {"start"});
    CHECK(refused["error"]["message"] ==
          "unable to copy over the target's rows: name=auditor of 'public.role' is in the target "
          "only");
    CHECK(refused["tables"][0]["rows"] ==
          json::array({{"public.role", "name=auditor", "", "id=900", "only in the target"}}));
    CHECK(count() == 6);
  }
  SECTION("merge keeps them") {
    new_side.batch("INSERT INTO public.role (id, name) VALUES (900, 'auditor')");
    place.configure("  tables: {public.role: {policy: merge}}\n");
    place.run(0, {"start"});
    CHECK(count() == 51);
    place.run(0, {"verify"});
  }
  SECTION("skip leaves the target's rows alone") {
    place.configure("  tables: {public.role: {policy: skip}}\n");
    place.run(0, {"start"});
    CHECK(count() == 5);
  }
  SECTION("the same name under another id is drift") {
    new_side.batch("UPDATE public.role SET id = 700 WHERE id = 3");
    const json refused = place.run(4, {"start"});
    CHECK(
        refused["error"]["message"] ==
        "unable to copy over the target's rows: name=role 3 of 'public.role' is id=3 in the source "
        "and id=700 in the target");
  }
}

TEST_CASE("bad surroundings are said and nothing is touched") {
  World world(15, 17);
  const Place place(world);
  SECTION("an unknown key") {
    place.configure("  tabels: {}\n");
    const json refused = place.run(2, {"preflight"});
    CHECK(refused["error"]["message"] ==
          "unable to read 'crossover.yaml': crossover.yaml:9: unknown key 'tabels' in 'sync'");
    CHECK(refused["error"]["hint"] == "did you mean 'tables'?");
  }
  SECTION("an open question") {
    files::write_atomically(place.directory.path() / "crossover.yaml", [&] {
      std::string text = files::read(place.directory.path() / "crossover.yaml");
      const auto at = text.find("listen: none, ");
      return text.erase(at, 14);
    }());
    const json refused = place.run(3, {"start"});
    CHECK(refused["error"]["message"] ==
          "unable to move the data of 'test': sync.answers.listen does the application use LISTEN? "
          "It "
          "does not work behind transaction pooling");
  }
  SECTION("a missing column") {
    postgres::Session new_side = world.new_db.open("test");
    new_side.batch("ALTER TABLE public.counter DROP COLUMN updated_at");
    const json refused = place.run(3, {"start"});
    CHECK(
        refused["error"]["message"] ==
        "unable to move the data of 'test': table public.counter column 'updated_at' is missing in "
        "the new database");
  }
  SECTION("a held lock") {
    postgres::Session holder = world.old_db.open("holder");
    holder.query("SELECT pg_advisory_lock(1)");
    place.run(0, {"status"});
  }
  SECTION("a database that is not there") {
    world.new_server.stop();
    const json failed = place.run(1, {"status"});
    CHECK(failed["error"]["message"].get<std::string>().starts_with(
        fmt::format("unable to connect to '127.0.0.1:{}/app': ", world.new_server.port())));
    CHECK(failed["report"] ==
          json{{"old", {{"phase", "none"}, {"gate", "absent"}, {"capture", false}}}});
    CHECK(failed["tables"][0]["rows"] ==
          json{{"old", fmt::format("127.0.0.1:{}/app", world.old_server.port()), "none", "absent",
                "no", "0", "-", ""},
               {"new", fmt::format("127.0.0.1:{}/app", world.new_server.port()), "unknown",
                "unknown", "unknown", "-", "-", ""}});
    return;
  }
  postgres::Session old_side = world.old_db.open("test");
  CHECK(old_side.query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0));
}
