// Who brings the service back is killed itself, between every pair of its steps.
#include "fixtures/boundaries.h"
#include "integration/cutover/driver.h"

namespace crossover::test {
namespace {

/// Leaves a switch to `to` as a SIGKILL at `point` does.
void kill_switch(Service& service, Side to, const std::string& point) {
  Process task(switch_of(service, std::string(sync::name(to))), point + ":kill");
  REQUIRE(WIFSIGNALED(task.wait()));
}

/// Of the boundaries that a run passes which has to end such a switch, those of the recovery.
std::vector<std::string> recovery_points(Service& service, Side to) {
  std::vector<std::string> points;
  for (const std::string& point :
       boundaries(run_driver(switch_of(service, std::string(sync::name(to))), "*:note"))) {
    if (point.starts_with("recover-")) {
      points.push_back(point);
    }
  }
  return points;
}

struct Broken {
  std::string point;  ///< where the switch was killed
  std::vector<std::string> recovery;
};

TEST_CASE(
    "a guard or a run that is killed while it brings the service back is followed by another") {
  Service service(1);
  Writers writers(service, 6, std::chrono::milliseconds(20));
  REQUIRE(writers.wait_for(20, std::chrono::seconds(60)));
  Side live = Side::old_side;
  for (const Broken& broken :
       {Broken{"switch-closed", {"recover-before-reopen", "recover-before-resume"}},
        Broken{"switch-committed", {"recover-before-resume"}}}) {
    kill_switch(service, sync::other(live), broken.point);
    const std::vector<std::string> points = recovery_points(service, sync::other(live));
    CHECK(points == broken.recovery);
    live = sync::other(live);
    for (const std::string& point : points) {
      for (const std::string then : {"guard", "switch"}) {
        INFO("switch killed at " << broken.point << ", guard at " << point << ", then " << then);
        const Side to = sync::other(live);
        kill_switch(service, to, broken.point);
        Process killed_guard(guard_of(service, 0), point + ":kill");
        REQUIRE(WIFSIGNALED(killed_guard.wait()));
        Process killed_run(switch_of(service, std::string(sync::name(to))), point + ":kill");
        REQUIRE(WIFSIGNALED(killed_run.wait()));
        if (then == "guard") {
          const Process guard(guard_of(service, 0), {});
          Side found = to;
          seconds_until_serving(service, found);
          CHECK(found == (broken.point == "switch-closed" ? live : to));
          REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
        }
        Process run(switch_of(service, std::string(sync::name(to))), {});
        CHECK(run.wait() == 0);
        REQUIRE(serving(service, live));
        CHECK(live == to);
        REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
      }
    }
  }
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, live) == std::vector<std::string>{});
}

}  // namespace
}  // namespace crossover::test
