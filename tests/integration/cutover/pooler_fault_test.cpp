// The ways to the pooler's console and from the pooler to the databases fail during a switch.
#include <cstdint>
#include <thread>

#include "integration/cutover/far_service.h"

namespace crossover::test {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds in_budget{2000};
// A transaction of which a part is under way when a pause of 1.6 s begins.
constexpr milliseconds slow_console{2500};
// A task that can't reach the console any more leaves it to the guard, which waits for 1 s.
constexpr milliseconds by_the_guard{4500};

TEST_CASE("the console's connection is cut, slow or half-open at any point of a switch") {
  FarService far;
  const auto mend = [&] { far.console.set_delay(milliseconds(0)); };
  for (const std::string& point : points_of_pause) {
    CHECK(far.survives_at(
        point, [&] { far.console.cut(); }, mend, in_budget));
    CHECK(far.survives_at(
        point, [&] { far.console.swallow(); }, mend, in_budget));
    // With it in the way from the start the pause would be too long, so it does not begin.
    CHECK(far.survives_at(
              point, [&] { far.console.set_delay(milliseconds(200)); }, mend, slow_console) ==
          (point != "switch-drained"));
  }
  far.check_all_there();
}

TEST_CASE("nothing reaches the console any more: the guard beside it brings the service back") {
  FarService far;
  for (const std::string point : {"switch-paused", "switch-committed", "switch-retargeted"}) {
    far.is_guarded_at(
        point, [&] { far.console.stall(); }, [&] { far.console.resume(); }, by_the_guard);
  }
  far.check_all_there();
}

TEST_CASE("a command to the console, or the answer to it, is lost") {
  FarService far;
  for (const std::string command : {"PAUSE", "SET conffile", "RELOAD", "RESUME"}) {
    for (const auto delivery : {TcpProxy::Delivery::withheld, TcpProxy::Delivery::answered}) {
      INFO(command << (delivery == TcpProxy::Delivery::answered ? ", answered" : ", withheld"));
      far.writers.take_slowest();
      far.console.cut_at(command, delivery);
      Process task(far.move_on(), {});
      CHECK(far.survived(task.wait(), in_budget) == (command != "PAUSE"));
      CHECK(far.console.wait_for_cut(milliseconds(0)));
    }
  }
  far.check_all_there();
}

TEST_CASE("a pooler far from its databases, or cut off from them in the pause") {
  FarService far;
  TcpProxy& to_old = far.pooler_to_old;
  TcpProxy& to_new = far.pooler_to_new;
  const auto delay = [&](int ms) {
    to_old.set_delay(milliseconds(ms));
    to_new.set_delay(milliseconds(ms));
  };
  // A transaction that began on the long way lasts longer than a pause may wait for it.
  const auto delay_one = [&] {
    delay(2000);
    const std::uint64_t before = to_old.round_trips();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (to_old.round_trips() == before) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(milliseconds(2));
    }
  };
  CHECK_FALSE(far.survives_at(
      "switch-drained", delay_one, [&] { delay(0); }, milliseconds(20000)));
  for (const std::string& point : points_of_pause) {
    if (point == "switch-drained" || point == "switch-resumed") {
      continue;  // who writes just then sees it, with or without a switch
    }
    const auto cut = [&] {
      to_old.cut();
      to_new.cut();
    };
    CHECK(far.survives_at(
        point, cut, [] {}, in_budget));
    const auto swallow = [&] {
      to_old.swallow();
      to_new.swallow();
    };
    CHECK(far.survives_at(
        point, swallow, [] {}, in_budget));
  }
  far.check_all_there();
}

TEST_CASE("a connection that the pooler is just opening is not broken off by the pause") {
  FarService far;
  for (TcpProxy* network : {&far.pooler_to_old, &far.pooler_to_new}) {
    network->set_delay(milliseconds(10));
  }
  // Behind each pause the pooler opens its connections anew, one after the other.
  for (int i = 0; i < 6; ++i) {
    Process task(far.move_on(), {});
    CHECK(task.wait() == 0);
    far.live = sync::other(far.live);
  }
  REQUIRE(far.writers.wait_for(20, std::chrono::seconds(30)));
  far.check_all_there();
}

}  // namespace
}  // namespace crossover::test
