// The new database's disk is full in the one breath of a switch.
#include <catch2/catch.hpp>

#include "fixtures/postgres/small_disk.h"
#include "integration/cutover/driver.h"

namespace crossover::test {

TEST_CASE("a last drain to a full disk leaves the service where it was, and the next switch ends") {
  const SmallDisk disk(std::size_t{96} << 20U);
  Service service(1);
  disk.take(service.server(Side::new_side), "app");
  Writers writers(service, 4, std::chrono::milliseconds(40));
  REQUIRE(writers.wait_for(20, std::chrono::seconds(60)));
  postgres::Session round_the_pooler = service.server(Side::old_side).connect("app");
  {
    Process task(switch_of(service, "new"), "switch-paused:stop");
    REQUIRE(WIFSTOPPED(task.wait()));
    // More than the room that is left in the target's pages.
    round_the_pooler.batch(
        "INSERT INTO public.event(profile_id, token) SELECT 1, repeat('x', 1000) FROM "
        "generate_series(1, 1000)");
    disk.fill();
    task.wake();
    const int status = task.wait();
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 1);
  }
  Side live = Side::new_side;
  seconds_until_serving(service, live);
  CHECK(live == Side::old_side);
  REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
  CHECK(service.number(Side::new_side,
                       "SELECT count(*) FROM public.event WHERE token LIKE 'xxx%'") == 0);
  disk.free();
  Process again(switch_of(service, "new"), {});
  CHECK(again.wait() == 0);
  REQUIRE(serving(service, live));
  CHECK(live == Side::new_side);
  writers.stop();
  CHECK(service.number(Side::new_side,
                       "SELECT count(*) FROM public.event WHERE token LIKE 'xxx%'") == 1000);
  service.server(Side::new_side)
      .connect("app")
      .batch("DELETE FROM public.event WHERE token LIKE 'xxx%'");
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, Side::new_side) == std::vector<std::string>{});
}

}  // namespace crossover::test
