// SIGKILL between every pair of a verb's steps, found by looking which stop points it passes.
#include <filesystem>

#include "integration/data-sync/boundaries.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

struct Killed {
  Killed() { place.configure("  workers: 1\n"); }  // so that its steps have one order

  void begin_anew() const {
    if (world.old_db.open("check")
            .query("SELECT to_regclass('crossover.migration') IS NOT NULL")
            .boolean(0, 0)) {
      place.run(0, {"abort"});
    }
    empty_new_side(place.world);
    place.world.new_db.open("test").query("SELECT pg_stat_reset()");
  }

  /// A switch meets a planner that knows what was copied.
  std::string tables_without_statistics() const {
    postgres::Session session = world.new_db.open("check");
    return std::string(session
                           .query("SELECT coalesce(string_agg(relname, ' '), '') "
                                  "FROM pg_stat_user_tables "
                                  "WHERE schemaname <> 'crossover' AND analyze_count = 0")
                           .text(0, 0));
  }

  /// Only the old side's service was there; what it was told stands there.
  void keep_the_load(Writers& writers) const {
    writers.stop();
    CHECK(writers.last_failure().empty());
    CHECK(writers.differences(world.old_db) == std::vector<std::string>{});
  }

  World world{15, 17};
  Place place{world};
};

/// Of an exported evidence, what a side's runs have come to.
std::vector<std::string> outcomes(const Place& place, const std::string& side) {
  const json document =
      json::parse(files::read(place.directory.path() / "crossover-test-evidence.json"));
  std::vector<std::string> list;
  for (const json& entry : document.value(side, json::array())) {
    list.push_back(entry["verb"].get<std::string>() + " " + entry["outcome"].get<std::string>());
  }
  return list;
}

}  // namespace

TEST_CASE("a start that was killed at any boundary ends as an undisturbed one") {
  Killed killed;
  const auto points =
      kill_at_every_boundary(killed.place, {.arguments = {"start"},
                                            .live = killed.world.old_server,
                                            .prepare = [&] { killed.begin_anew(); },
                                            .end =
                                                [&](Writers& writers) {
                                                  CHECK(killed.tables_without_statistics() == "");
                                                  carry_the_rest(killed.place, writers);
                                                }});
  CHECK(points.size() >= 24);
}

TEST_CASE("a start in reverse that was killed at any boundary ends as an undisturbed one") {
  Killed killed;
  const auto points = kill_at_every_boundary(
      killed.place, {.arguments = {"start", "--reverse"},
                     .live = killed.world.old_server,
                     .prepare =
                         [&] {
                           killed.begin_anew();
                           killed.place.run(0, {"start"});
                         },
                     .end = [&](Writers& writers) { carry_the_rest(killed.place, writers); }});
  CHECK(points.size() >= 9);
}

TEST_CASE("a copy home that was killed at any boundary ends as an undisturbed one") {
  Killed killed;
  const auto live_on_new_side = [&] {
    if (killed.world.old_db.open("check")
            .query("SELECT to_regclass('crossover.migration') IS NOT NULL")
            .boolean(0, 0)) {
      make_live(killed.world, Side::old_side);
    }
    killed.begin_anew();
    killed.place.run(0, {"start"});
    killed.place.run(0, {"follow", "--until-caught-up"});
    make_live(killed.world, Side::new_side);
    killed.place.run(0, {"finish"});
    killed.world.new_db.open("sequence")
        .query(
            "SELECT setval(pg_get_serial_sequence('public.event', 'id'), max(id)) "
            "FROM public.event");
  };
  const auto points = kill_at_every_boundary(
      killed.place,
      {.arguments = {"start", "--reverse"},
       .live = killed.world.new_server,
       .prepare = live_on_new_side,
       .end = [&](Writers& writers) { carry_the_rest(killed.place, writers, {"--reverse"}); }});
  CHECK(points.size() >= 20);
}

TEST_CASE("a verification that was killed at any boundary ends as an undisturbed one") {
  Killed killed;
  killed.place.run(0, {"start"});
  const auto points = kill_at_every_boundary(
      killed.place, {.arguments = {"verify"},
                     .live = killed.world.old_server,
                     .prepare =
                         [&] {
                           killed.world.new_db.open("forget").batch(
                               "DROP TABLE IF EXISTS crossover.verification");
                         },
                     .end = [&](Writers& writers) { carry_the_rest(killed.place, writers); }});
  CHECK(points.size() >= 7);
}

TEST_CASE("a finish that was killed at any boundary ends as an undisturbed one") {
  Killed killed;
  const auto points =
      kill_at_every_boundary(killed.place, {.arguments = {"finish"},
                                            .live = killed.world.old_server,
                                            .prepare =
                                                [&] {
                                                  killed.place.run(0, {"start"});
                                                  killed.place.run(0, {"start", "--reverse"});
                                                },
                                            .end =
                                                [&](Writers& writers) {
                                                  // Nothing was captured in between, so only a copy
                                                  // brings all of it.
                                                  killed.place.run(0, {"start"});
                                                  carry_the_rest(killed.place, writers);
                                                }});
  CHECK(points.size() >= 8);
}

TEST_CASE("an abort or a removal that was killed at any boundary ends as an undisturbed one") {
  Killed killed;
  const std::vector<std::string> verb = GENERATE(
      std::vector<std::string>{"abort"}, std::vector<std::string>{"remove", "--open-closed-side"});
  CAPTURE(verb.front());
  const auto points = kill_at_every_boundary(
      killed.place, {.arguments = verb,
                     .live = killed.world.old_server,
                     .prepare =
                         [&] {
                           std::filesystem::remove(killed.place.directory.path() /
                                                   "crossover-test-evidence.json");
                           killed.begin_anew();
                           killed.place.run(0, {"start"});
                           killed.place.run(0, {"start", "--reverse"});
                         },
                     .end =
                         [&](Writers& writers) {
                           killed.keep_the_load(writers);
                           for (const char* side : {"old", "new"}) {
                             CHECK(outcomes(killed.place, side) ==
                                   std::vector<std::string>{"start done", "start done"});
                           }
                         }});
  CHECK(points.size() >= 12);
  CHECK(structure(killed.world.old_db).find("crossover") == std::string::npos);
  CHECK(structure(killed.world.new_db).find("crossover") == std::string::npos);
}

TEST_CASE("a follower that was killed at any boundary is followed by one that loses nothing") {
  Killed killed;
  killed.place.run(0, {"start"});
  const std::string undisturbed = structures(killed.world);
  std::vector<std::string> points;
  {
    Writers writers(killed.world.old_server, 2);
    points = boundaries(killed.place.start({"follow"}, "*:note", std::chrono::milliseconds(1500)));
    carry_the_rest(killed.place, writers);
  }
  REQUIRE(points.size() >= 4);
  for (const std::string& point : points) {
    CAPTURE(point);
    Writers writers(killed.world.old_server, 2);
    REQUIRE(killed.place.start({"follow"}, point + ":kill").signal == 9);
    carry_the_rest(killed.place, writers);
    CHECK(structure_changes(undisturbed, killed.world) == std::vector<std::string>{});
    CHECK(left_behind(killed.world) == 0);
  }
}
