#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>

#include "fixtures/boundaries.h"
#include "integration/cutover/driver.h"

namespace crossover::test {
namespace {

std::string owner(Service& service, Side side) {
  return std::string(service.server(side)
                         .connect("app")
                         .query("SELECT owner_token FROM crossover.migration")
                         .text(0, 0));
}

TEST_CASE("killed at any boundary, the guards alone bring the service back, and a rerun ends it") {
  Service service(2);
  Writers writers(service, 9, std::chrono::milliseconds(40));
  const Process first(guard_of(service, 0), {});
  const Process second(guard_of(service, 1), {});
  REQUIRE(writers.wait_for(30, std::chrono::seconds(60)));
  const process::Outcome noted = run_driver(switch_of(service, "new"), "*:note");
  INFO(noted.err);
  REQUIRE(noted.exit_code == 0);
  const std::vector<std::string> points = boundaries(noted);
  for (const std::string& point : points_of_pause) {
    CHECK(std::ranges::count(points, point) == 1);
  }
  Side to = Side::old_side;
  for (const std::string& point : points) {
    INFO(point);
    Process task(switch_of(service, std::string(sync::name(to))), point + ":kill");
    const int status = task.wait();
    // How often a drain comes by is the load's.
    if (point.find('#') == std::string::npos || status != 0) {
      CHECK(WIFSIGNALED(status));
    }
    Side live = Side::old_side;
    const double took = seconds_until_serving(service, live);
    std::cout << point << ": back on the " << sync::name(live) << " database after " << took
              << " s\n";
    REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
    Process again(switch_of(service, std::string(sync::name(to))), {});
    CHECK(again.wait() == 0);
    REQUIRE(serving(service, live));
    CHECK(live == to);
    to = sync::other(to);
  }
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, sync::other(to)) == std::vector<std::string>{});
}

TEST_CASE("a task that was stopped in the pause and wakes up late changes nothing") {
  Service service(1);
  Writers writers(service, 6, std::chrono::milliseconds(40));
  const Process guard(guard_of(service, 0), {});
  REQUIRE(writers.wait_for(20, std::chrono::seconds(60)));
  for (const std::string point :
       {"switch-paused", "switch-source-locked", "switch-closed", "switch-before-commit"}) {
    INFO(point);
    Process task(switch_of(service, "new"), point + ":stop");
    REQUIRE(WIFSTOPPED(task.wait()));
    Side live = Side::new_side;
    const double took = seconds_until_serving(service, live);
    std::cout << point << " stopped: back on the " << sync::name(live) << " database after " << took
              << " s\n";
    CHECK(live == Side::old_side);
    // What the task may do when it wakes up is fenced on both sides, wherever it was.
    CHECK(owner(service, Side::old_side) == owner(service, Side::new_side));
    REQUIRE(writers.wait_for(10, std::chrono::seconds(30)));
    task.wake();
    CHECK(WEXITSTATUS(task.wait()) != 0);
    REQUIRE(serving(service, live));
    CHECK(live == Side::old_side);
  }
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, Side::old_side) == std::vector<std::string>{});
}

TEST_CASE("a pooler that starts anew is told by its guard where it leads") {
  Service service(1);
  service.pooler(0).kill();
  service.pooler(0).start(service.pooler(0).directory() / "start.ini");
  CHECK_FALSE(service.state(0).serving);
  const Process guard(guard_of(service, 0), {});
  Side live = Side::new_side;
  seconds_until_serving(service, live);
  CHECK(live == Side::old_side);
}

TEST_CASE("with the new database gone in the middle of the pause the service stays paused") {
  Service service(1);
  Process task(switch_of(service, "new"), "switch-closed:kill");
  CHECK(WIFSIGNALED(task.wait()));
  service.server(Side::new_side).stop(PostgresServer::Stop::immediate);
  const Process guard(guard_of(service, 0), {});
  std::this_thread::sleep_for(std::chrono::seconds(4));  // longer than a guard needs to act
  CHECK(service.state(0).paused);
  CHECK(service.state(0).target == Side::old_side);
  service.server(Side::new_side).start();
  Side live = Side::new_side;
  seconds_until_serving(service, live);
  CHECK(live == Side::old_side);
}

}  // namespace
}  // namespace crossover::test
