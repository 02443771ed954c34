// While `start` copies nobody drains, so the log grows for as long as that takes: sync.logLimit
// holds there too.
#include "base/retry.h"
#include "fixtures/proxy/tcp_proxy.h"
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

constexpr int log_limit = 256 << 10;

/// A copy to a target that this network may keep it from; the service's writers go round it.
struct Limited {
  Limited() {
    place.reach_by(world.old_server.port(), network.port());
    place.configure("  workers: 1\n  logLimit: 256KiB\n");
  }
  /// As an application that is busy for an hour: in the log each row is more than 40 bytes.
  void pass_the_limit() const {
    world.old_server.connect("app").batch(
        "INSERT INTO public.event (token, role_id) SELECT 'busy ' || i, 1 "
        "FROM generate_series(1, 10000) i");
  }
  std::int64_t old_count(const std::string& what) const {
    return world.old_server.connect("app").query("SELECT count(*) FROM " + what).int64(0, 0);
  }
  void expect_given_way(const json& failed) const {
    const std::string text = message(failed);
    CHECK_THAT(text, Catch::Matches("unable to copy from the old database: its capture log has "
                                    "[0-9]+ bytes, more than sync.logLimit \\(262144\\); capture "
                                    "was taken off to spare the service"));
    CHECK(std::stoi(text.substr(text.find("log has ") + 8)) > log_limit);
    CHECK(failed["error"]["hint"] ==
          "mend the target or raise sync.logLimit, then run `data-sync start`, which copies "
          "everything again");
    CHECK(old_count("pg_trigger WHERE tgname LIKE 'crossover_capture_%'") == 0);
    CHECK(old_count("pg_class WHERE relname LIKE 'log\\_%'") == 0);
    CHECK(old_count("crossover.migration WHERE capture <> ''") == 0);
  }
  /// The writers went on throughout, and nothing of theirs is lost by what is done next.
  void go_on(const std::function<void()>& end_load) const {
    place.configure("");
    place.run(0, {"start"});
    end_load();
    place.run(0, {"follow", "--until-caught-up"});
    CHECK(world.equal_by_sql());
  }

  World world{15, 17};
  TcpProxy network{world.new_server.port()};
  Place place{world};
};

}  // namespace

TEST_CASE("over its limit a log goes even while a copy stands still") {
  Limited limited;
  Halted step(limited.place, {"start"}, "copy-truncated");
  limited.network.stall();
  step.wake();
  limited.pass_the_limit();
  Writers writers(limited.world.old_server, 2);
  // The target need not move for it, nor must the copy have ended.
  CHECK(poll(limited.world.clock, limited.world.stop, std::chrono::seconds(20),
             std::chrono::milliseconds(50),
             [&] { return limited.old_count("crossover.migration WHERE capture <> ''") == 0; }));
  limited.network.resume();
  limited.expect_given_way(limited.place.result(1, step.end()));
  limited.go_on([&] {
    writers.stop();
    CHECK(writers.failures() == 0);
    CHECK(writers.last_failure().empty());
  });
  for (const sync::Database* database : {&limited.world.old_db, &limited.world.new_db}) {
    CHECK(writers.differences(*database) == std::vector<std::string>{});
  }
}

TEST_CASE("a start finds a log over its limit before it copies") {
  Limited limited;
  REQUIRE(limited.place.start({"start"}, "copy-truncated:kill").signal == 9);
  limited.pass_the_limit();
  SECTION("that was left by one that was lost") {
    limited.expect_given_way(limited.place.run(1, {"start"}));
    CHECK(limited.world.new_server.connect("app")
              .query("SELECT count(*) FROM crossover.copy_piece")
              .int64(0, 0) == 0);
  }
  SECTION("and while the target is away") {
    limited.world.new_server.stop();
    limited.expect_given_way(limited.place.run(1, {"start"}));
    limited.world.new_server.start();
  }
  SECTION("but not when it only shows its plan") {
    limited.place.run(0, {"start", "--dry-run"});
    CHECK(limited.old_count("crossover.migration WHERE capture <> ''") == 1);
  }
  limited.go_on([] {});
}
