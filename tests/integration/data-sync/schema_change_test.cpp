// Somebody changes a schema while a migration is under way: a stop that leaves the application
// running, loses nothing without a word, and says how to go on.
#include <future>

#include "base/retry.h"
#include "fixtures/error_of.h"
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

constexpr const char* begin_again =
    "undo the change, or run `data-sync abort` and begin again with both schemas equal";

/// Two tables that only a change of the schema is about.
struct Changing {
  Changing() {
    world.add_schema(
        "CREATE TABLE public.extra (id int PRIMARY KEY);"
        "CREATE TABLE public.part_2035 (id bigint NOT NULL, at date NOT NULL, v text, "
        "PRIMARY KEY (id, at))");
    at(Side::old_side)
        .batch(
            "INSERT INTO public.part_2035 VALUES (1, '2035-05-05', 'filled');"
            "INSERT INTO public.extra VALUES (1)");
  }
  postgres::Session at(Side side) { return world.databases.at(side).open("hand"); }

  /// A follower that has carried something by now; it ends by itself.
  std::future<process::Outcome> follow(const std::vector<std::string>& arguments = {"follow"}) {
    const auto carried = [&] {
      std::int64_t rows = 0;
      for (const Side side : {Side::old_side, Side::new_side}) {
        rows += at(side)
                    .query("SELECT coalesce(sum(drained_rows), 0)::bigint FROM crossover.position")
                    .int64(0, 0);
      }
      return rows;
    };
    const std::int64_t before = carried();
    auto outcome = std::async(std::launch::async, [this, arguments] {
      return place.start(arguments, "", std::chrono::seconds(60));
    });
    REQUIRE(poll(world.clock, world.stop, std::chrono::seconds(30), std::chrono::milliseconds(10),
                 [&] { return carried() > before; }));
    return outcome;
  }

  void expect_nothing_left() {
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = at(side);
      CHECK(session.query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0));
      CHECK(session.query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crossover%'")
                .int64(0, 0) == 0);
    }
  }

  /// As the hint says: taken off, made equal, begun again; the writers have gone on throughout.
  void start_again(const std::string& change, Writers& writers) {
    place.run(0, {"abort"});
    expect_nothing_left();
    postgres::Session target = at(Side::new_side);
    target.batch(change);
    target.batch("TRUNCATE public.part_2024, public.part_2035");
    target.batch(
        "DROP TABLE IF EXISTS public.extra; CREATE TABLE public.extra (id int PRIMARY KEY)");
    empty_new_side(world);
    at(Side::old_side).batch("CREATE TABLE IF NOT EXISTS public.extra (id int PRIMARY KEY)");
    place.run(0, {"start"});
    carry_the_rest(place, writers);
    for (const char* table : {"part_2035", "extra", "role"}) {
      postgres::Session source = at(Side::old_side);
      CHECK(World::dump(source, table) == World::dump(target, table));
    }
  }

  World world{15, 17};
  Place place{world};
};

}  // namespace

TEST_CASE("a change of the live schema ends a follower, not the application") {
  Changing changing;
  const auto [change, line] = GENERATE(
      std::pair("DROP TABLE public.extra", "- table public.extra rp [0-9]+"),
      std::pair("CREATE TABLE public.added (id int)", "\\+ table public.added rp [0-9]+"),
      std::pair("ALTER TABLE public.part DETACH PARTITION public.part_2024",
                "- partition [0-9]+ of public.part"),
      std::pair("CREATE TABLE public.part_2036 (LIKE public.part INCLUDING ALL); "
                "INSERT INTO public.part_2036 VALUES (5000, '2036-06-06', 'filled'); "
                "ALTER TABLE public.part ATTACH PARTITION public.part_2036 FOR VALUES FROM "
                "('2036-01-01') TO ('2037-01-01')",
                "\\+ partition [0-9]+ of public.part"),
      std::pair("ALTER TABLE public.role ADD COLUMN motto text DEFAULT 'none'",
                "\\+ column public.role.motto text f"));
  CAPTURE(change);
  changing.place.run(0, {"start"});
  Writers writers(changing.world.old_server, 2);
  auto follower = changing.follow();
  changing.at(Side::old_side).batch(change);
  const json stopped = changing.place.result(3, follower.get());
  CHECK_THAT(message(stopped),
             Catch::Matches(fmt::format("unable to drain from the old database: its schema has "
                                        "changed: (.*; )?{}(;.*)?",
                                        line)));
  CHECK(stopped["error"]["hint"] == begin_again);
  changing.start_again(change, writers);
}

// What PostgreSQL itself refuses while capture's triggers stand.
TEST_CASE("a captured table becomes no partition") {
  Changing changing;
  changing.place.run(0, {"start"});
  const Error refused = error_of([&] {
    changing.at(Side::old_side)
        .batch(
            "ALTER TABLE public.part ATTACH PARTITION public.part_2035 FOR VALUES FROM "
            "('2035-01-01') TO ('2036-01-01')");
  });
  CHECK(refused.message().find("\"crossover_capture_") != std::string::npos);
  changing.place.run(0, {"follow", "--until-caught-up"});
}

TEST_CASE("a change of the schema between two steps is seen by the next") {
  Changing changing;
  const Place& place = changing.place;
  const json planned = place.run(0, {"start", "--dry-run"});
  place.run(0, {"preflight"});
  const std::string change = "ALTER TABLE public.role ADD COLUMN motto text DEFAULT 'none'";
  changing.at(Side::old_side).batch(change);
  SECTION("on one side") {
    CHECK(message(place.run(3, {"start"})) ==
          "unable to move the data of 'test': table public.role column 'motto' is missing in the "
          "new database");
    changing.expect_nothing_left();
  }
  SECTION("on both, under an approval") {
    changing.at(Side::new_side).batch(change);
    const json refused = place.run(3, {"start", "--approved-plan", planned["plan_sha256"]});
    CHECK(message(refused).starts_with(
        "unable to run 'data-sync start': the plan has changed since it was approved"));
    changing.expect_nothing_left();
    place.run(0, {"start"});
    place.run(0, {"verify"});
  }
}

TEST_CASE("a change of the schema inside of a start loses no column") {
  Changing changing;
  const std::string change = "ALTER TABLE public.role ADD COLUMN motto text DEFAULT 'none'";
  const auto change_both = [&] {
    changing.at(Side::old_side).batch(change);
    changing.at(Side::new_side).batch(change);
  };
  const std::string columns = "table public.role has the columns (id, name, motto), not (id, name)";
  SECTION("while somebody is asked for approval") {
    Halted step(changing.place, {"start"}, "step-planned");
    SECTION("a column") {
      change_both();
      const json stopped = changing.place.result(3, step.go_on());
      CHECK(message(stopped) ==
            "unable to start: the schema of the old database has changed since this was planned: " +
                columns);
      CHECK(stopped["error"]["hint"] == "run the same command again");
    }
    SECTION("tables and partitions") {
      changing.at(Side::old_side)
          .batch(
              "CREATE TABLE public.added (id int); DROP TABLE public.extra;"
              "ALTER TABLE public.part DETACH PARTITION public.part_2024;"
              "ALTER TABLE public.tree DROP CONSTRAINT tree_pkey CASCADE");
      CHECK(message(changing.place.result(3, step.go_on())) ==
            "unable to start: the schema of the old database has changed since this was planned: "
            "table public.extra is gone; table public.part has other partitions; table "
            "public.tree has the key (), not (id); table public.added is new; table "
            "public.part_2024 is new");
    }
    changing.expect_nothing_left();
  }
  SECTION("before the point that changes are followed from") {
    Writers writers(changing.world.old_server, 2);
    Halted step(changing.place, {"start"}, "capture-named");
    change_both();
    for (const json& stopped :
         {changing.place.result(3, step.go_on()), changing.place.run(3, {"start"})}) {
      CHECK(message(stopped) ==
            "unable to carry changes from the old database: its schema has changed since its "
            "tables were recorded: " +
                columns);
      CHECK(stopped["error"]["hint"] == begin_again);
    }
    changing.start_again("SELECT", writers);
  }
}

TEST_CASE("a change of the target's schema ends a follower, which says how to go on") {
  Changing changing;
  changing.place.run(0, {"start"});
  Writers writers(changing.world.old_server, 2);
  struct Refused {
    const char* change;
    const char* undo;
    int exit_code;
    const char* cause;
    const char* hint;
  };
  const auto refused = GENERATE(
      Refused{"ALTER TABLE public.role RENAME COLUMN name TO title",
              "ALTER TABLE public.role RENAME COLUMN title TO name", 3,
              "unable to carry changes to the new database: its schema has changed since its "
              "tables were recorded: table public.role has the columns (id, title), not (id, name)",
              begin_again},
      Refused{"DROP TABLE public.extra", "CREATE TABLE public.extra (id int PRIMARY KEY)", 3,
              "unable to carry changes to the new database: its schema has changed since its "
              "tables were recorded: table public.extra is gone",
              begin_again},
      Refused{"ALTER TABLE public.role ADD CONSTRAINT longer CHECK (length(name) > 100) NOT VALID",
              "ALTER TABLE public.role DROP CONSTRAINT longer", 1,
              "new row for relation \"role\" violates check constraint \"longer\"",
              "does the schema of the new database refuse since a change what the old one has? "
              "undo the change, or run `data-sync abort` and begin again with both schemas equal"});
  CAPTURE(refused.change);
  changing.at(Side::new_side).batch(refused.change);
  changing.at(Side::old_side)
      .batch(
          "INSERT INTO public.role (name) VALUES ('newcomer');"
          "INSERT INTO public.extra VALUES (2)");
  const json stopped = changing.place.run(refused.exit_code, {"follow", "--until-caught-up"});
  CHECK(message(stopped).find(refused.cause) != std::string::npos);
  CHECK(stopped["error"]["hint"] == refused.hint);
  if (std::string_view(refused.change).starts_with("DROP")) {
    changing.start_again("SELECT", writers);
  } else {
    changing.at(Side::new_side).batch(refused.undo);
    carry_the_rest(changing.place, writers);
  }
}

TEST_CASE("the first migration of the new schema ends rolling back") {
  Changing changing;
  const Place& place = changing.place;
  changing.at(Side::new_side)
      .batch(
          "CREATE TABLE public.flyway_schema_history (installed_rank int PRIMARY KEY, version "
          "text, description text, type text, script text, checksum int, installed_by text, "
          "installed_on timestamp DEFAULT now(), execution_time int, success boolean);"
          "INSERT INTO public.flyway_schema_history VALUES "
          "(1, '1', 'schema', 'SQL', 'V1', 1, 'x', now(), 1, true)");
  // Not a change: columns in another order.
  changing.at(Side::old_side).batch("CREATE TABLE public.swapped (a int PRIMARY KEY, b text)");
  changing.at(Side::new_side).batch("CREATE TABLE public.swapped (b text, a int PRIMARY KEY)");
  move_to_new(place);
  changing.at(Side::new_side)
      .batch(  // as a switch does
          "SELECT setval(pg_get_serial_sequence('public.event', 'id'), 100000)");
  Writers writers(changing.world.new_server, 2);
  auto follower = changing.follow({"follow", "--reverse"});
  changing.at(Side::new_side)
      .batch(
          "BEGIN; ALTER TABLE public.role ADD COLUMN motto text;"
          "INSERT INTO public.flyway_schema_history VALUES "
          "(2, '2', 'mottos', 'SQL', 'V2', 2, 'x', now(), 1, true); COMMIT");
  const json stopped = place.result(3, follower.get());
  CHECK(message(stopped) ==
        "unable to drain from the new database: its schema has changed: + column public.role.motto "
        "text f");
  CHECK(stopped["error"]["hint"] ==
        "rolling back has ended with this change: run `data-sync finish`; the newest migration "
        "there is 2 'mottos'");
  // Nor does anything make it look as if it had not.
  const auto start_again = [&] { return place.run(3, {"start", "--reverse"}); };
  const std::string ended =
      "unable to carry changes from the new database: its schema has changed since its tables were "
      "recorded: table public.role has the columns (id, name, motto), not (id, name)";
  CHECK(message(start_again()) == ended);
  place.run(0, {"finish"});
  CHECK(message(start_again()) == ended);
  CHECK(changing.at(Side::new_side)
            .query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crossover_capture%'")
            .int64(0, 0) == 0);
  writers.stop();
  CHECK(writers.failures() == 0);
  CHECK(writers.last_failure() == "");
  CHECK(writers.differences(changing.world.new_db) == std::vector<std::string>{});
}
