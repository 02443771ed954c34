// Several processes at one copy.
#include <future>

#include "base/retry.h"
#include "integration/data-sync/boundaries.h"
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

constexpr auto gone =
    "unable to go on with the copy of 'test': the `data-sync start` that it had joined has ended";

struct Shared {
  /// One worker in each process, so that it is at one place.
  Shared() { place.configure("  workers: 1\n"); }

  /// A table of three ranges, which two workers share.
  void enlarge() {
    place.configure("  workers: 2\n");
    world.old_server.connect("app").batch(
        "INSERT INTO public.event (token, role_id, body) SELECT 'large ' || i, 1, "
        "to_jsonb(repeat('x', 1000)) FROM generate_series(1, 40000) i");
  }
  void end(Writers& writers) {
    place.run(0, {"verify"});
    carry_the_rest(place, writers);
    CHECK(left_behind(world) == 0);
  }
  std::int64_t copied_tables() {
    return world.new_db.open("check")
        .query("SELECT count(*) FROM crossover.synced_table WHERE copied")
        .int64(0, 0);
  }

  World world{15, 17};
  Place place{world};
};

std::int64_t metric(const json& result, const char* name) { return result["metrics"].at(name); }

bool comes_about(const World& world, const std::function<bool()>& condition) {
  return poll(world.clock, world.stop, std::chrono::seconds(20), std::chrono::milliseconds(5),
              condition);
}

}  // namespace

TEST_CASE("a process that joins a copy takes what the other is not at") {
  Shared shared;
  shared.enlarge();
  Writers writers(shared.world.old_server, 2);
  // It has claimed one range of the large table, or two, and the other must do all the rest.
  Halted leader(shared.place, {"start"}, "copy-claimed");
  const json joined = shared.place.run(0, {"start", "--join"});
  CHECK(joined["changed"] == true);
  CHECK(shared.copied_tables() == 6);
  const json led = shared.place.result(0, leader.go_on());
  CHECK(metric(led, "tables_copied") == 7);
  CHECK(metric(joined, "rows_copied") > 10000);
  CHECK(metric(led, "rows_copied") - metric(joined, "rows_copied") > 10000);
  shared.end(writers);
}

TEST_CASE("processes that begin at once share one copy") {
  Shared shared;
  shared.place.configure("");
  shared.enlarge();
  Writers writers(shared.world.old_server, 2);
  std::vector<std::future<process::Outcome>> joined;
  for (int i = 0; i < 2; ++i) {
    joined.push_back(std::async(std::launch::async, [&] {
      return shared.place.start({"start", "--join"});
    }));
  }
  const json led = shared.place.run(0, {"start"});
  CHECK(metric(led, "tables_copied") == 7);
  for (auto& one : joined) {
    const json result = shared.place.result(0, one.get());
    CHECK((result["changed"] == false || metric(result, "rows_copied") > 0));
  }
  shared.end(writers);
  const json again = shared.place.run(0, {"start", "--join"});
  CHECK(again["changed"] == false);
}

TEST_CASE("what a killed process had claimed is taken by the others") {
  Shared shared;
  shared.enlarge();
  std::vector<std::string> points = {"*"};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::string point = points[i];
    CAPTURE(point);
    Writers writers(shared.world.old_server, 2);
    Halted leader(shared.place, {"start"}, "copy-published");
    const bool undisturbed = point == "*";
    const process::Outcome joined =
        shared.place.start({"start", "--join"}, undisturbed ? "*:note" : point + ":kill");
    if (undisturbed) {
      const auto found = boundaries(joined);
      points.insert(points.end(), found.begin(), found.end());
      REQUIRE(points.size() >= 6);
    } else {
      REQUIRE(joined.signal == 9);
    }
    CHECK(metric(shared.place.result(0, leader.go_on()), "tables_copied") == 7);
    shared.end(writers);
    shared.place.run(0, {"abort"});
    empty_new_side(shared.world);
  }
}

TEST_CASE("a copy waits for the piece that another process is at, and takes it when that is lost") {
  Shared shared;
  const bool lost = GENERATE(true, false);
  CAPTURE(lost);
  Writers writers(shared.world.old_server, 2);
  Halted leader(shared.place, {"start"}, "copy-published");
  Halted joined(shared.place, {"start", "--join"}, "copy-claimed");
  leader.wake();
  REQUIRE(comes_about(shared.world, [&] { return shared.copied_tables() == 6; }));
  if (lost) {
    joined.kill();
  } else {
    CHECK(shared.place.result(0, joined.go_on())["changed"] == true);
  }
  CHECK(metric(shared.place.result(0, leader.end()), "tables_copied") == 7);
  shared.end(writers);
}

TEST_CASE("with the run that it has joined a process ends after the piece that it is at") {
  Shared shared;
  Writers writers(shared.world.old_server, 2);
  Halted leader(shared.place, {"start"}, "copy-published");
  Halted joined(shared.place, {"start", "--join"}, "copy-claimed");
  leader.kill();
  const json failed = shared.place.result(1, joined.go_on());
  CHECK(failed["error"]["message"] == gone);
  CHECK(failed["error"]["hint"] ==
        "run `data-sync start` again, which goes on from what is copied, and join that");
  CHECK(shared.copied_tables() == 1);
  CHECK(metric(shared.place.run(0, {"start"}), "tables_copied") == 6);
  shared.end(writers);
}

TEST_CASE("a start that goes on from a lost one waits for the pieces that others are at") {
  Shared shared;
  shared.enlarge();
  Writers writers(shared.world.old_server, 2);
  Halted leader(shared.place, {"start"}, "copy-published");
  Halted joined(shared.place, {"start", "--join"}, "copy-range-loaded");
  leader.kill();
  std::future<process::Outcome> next =
      std::async(std::launch::async, [&] { return shared.place.start({"start"}); });
  REQUIRE(comes_about(shared.world, [&] {
    return shared.world.new_db.open("look")
               .query("SELECT count(*) FROM pg_locks WHERE NOT granted")
               .int64(0, 0) > 0;
  }));
  const json failed = shared.place.result(1, joined.go_on());
  CHECK(failed["error"]["message"] == gone);
  CHECK(metric(shared.place.result(0, next.get()), "tables_copied") == 7);
  shared.end(writers);
}

TEST_CASE("a process that has another source does not join") {
  Shared shared;
  World other{15, 17};
  Place stray{other};
  stray.reach_by(other.old_server.port(), shared.world.new_server.port());
  Writers writers(shared.world.old_server, 2);
  Halted leader(shared.place, {"start"}, "copy-published");
  const json refused = stray.run(3, {"start", "--join"});
  CHECK(refused["error"]["message"] ==
        fmt::format("unable to join the copy of 'test': '127.0.0.1:{}/app' is not the old database "
                    "that the other process copies from",
                    other.old_server.port()));
  CHECK(refused["error"]["hint"] == "give both the same databases.old in crossover.yaml");
  shared.place.result(0, leader.go_on());
  shared.end(writers);
}

TEST_CASE("a process that comes back from its piece when all is over has done its part") {
  Shared shared;
  Writers writers(shared.world.old_server, 2);
  Halted leader(shared.place, {"start"}, "copy-published", "start-finished#2");
  Halted joined(shared.place, {"start", "--join"}, "copy-committed");
  leader.wake();
  leader.await_stop();  // the copy's token is another's, and its process still there
  CHECK(shared.place.result(0, joined.go_on())["changed"] == true);
  shared.place.result(0, leader.go_on());
  shared.end(writers);
}

TEST_CASE("who joins a run that does not begin to copy waits for as long as he was told") {
  Shared shared;
  Halted leader(shared.place, {"start"}, "start-state");
  const std::int64_t backend =
      shared.world.new_db.open("check")
          .query("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
          .int64(0, 0);
  const json refused = shared.place.run(6, {"start", "--join", "--timeout", "300ms"});
  CHECK(refused["error"]["message"] ==
        fmt::format("unable to join the copy of 'test': the run that holds the migration's lock "
                    "(backend {}) has not begun to copy within 0.3 s",
                    backend));
  CHECK(refused["error"]["hint"] == "look whether it is still at work, or give a longer --timeout");
  shared.place.result(0, leader.go_on());
}

TEST_CASE("who joins nobody is told so, and who begins beside another, too") {
  Shared shared;
  const json refused = shared.place.run(3, {"start", "--join", "--timeout", "100ms"});
  CHECK(refused["error"]["message"] ==
        "unable to join the copy of 'test': no `data-sync start` is under way");
  CHECK(refused["error"]["hint"] == "run `data-sync start` first, and this beside it");
  Writers writers(shared.world.old_server, 2);
  Halted leader(shared.place, {"start"}, "copy-published");
  const json locked = shared.place.run(5, {"start"});
  CHECK(locked["error"]["message"].get<std::string>().starts_with(
      "unable to lock migration 'test' in "));
  const json unapproved =
      shared.place.run(3, {"start", "--join", "--approved-plan", std::string(64, '0')});
  CHECK(unapproved["error"]["message"].get<std::string>().starts_with(
      "unable to run 'data-sync start': the plan has changed since it was approved"));
  const json led = shared.place.result(0, leader.go_on());
  shared.end(writers);
  const json nothing = shared.place.run(
      0, {"start", "--join", "--approved-plan", led["plan_sha256"].get<std::string>()});
  CHECK(nothing["changed"] == false);
}
