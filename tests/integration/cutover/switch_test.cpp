#include "cutover/switch.h"

#include <catch2/catch.hpp>
#include <iostream>

#include "base/stop.h"
#include "integration/cutover/service.h"

namespace crossover::test {
namespace {

using sync::Side;

cutover::SwitchReport switch_to(Service& service, Side side, Duration budget) {
  cutover::Fleet fleet = service.fleet();
  cutover::SwitchOptions options;
  options.migration = migration;
  options.to = side;
  options.pause_budget = budget;
  const SystemClock clock;
  NoLog log;
  const StopRequest stop;
  return cutover::run_switch(service.databases(), fleet, options, clock, log, stop);
}

std::string timings(const cutover::SwitchReport& report) {
  std::string text = fmt::format("PAUSE to RESUME {:.1f} ms:", 1e3 * seconds(report.paused));
  for (const auto& phase : report.phases) {
    text += fmt::format(" {} {:.1f}", phase.name, 1e3 * seconds(phase.duration));
  }
  return text;
}

TEST_CASE("switch, roll back and switch again lose nothing and fail no request") {
  Service service(2);
  Writers writers(service, 24, std::chrono::milliseconds(40));
  Straggler straggler(service, Side::old_side);
  REQUIRE(writers.wait_for(100, std::chrono::seconds(60)));
  Side live = Side::old_side;
  for (const Side to : {Side::new_side, Side::old_side, Side::new_side}) {
    const auto report = switch_to(service, to, std::chrono::seconds(5));
    std::cout << "to " << sync::name(to) << ": " << timings(report) << '\n';
    CHECK(report.changed);
    live = to;
    for (std::size_t i = 0; i < service.pooler_count(); ++i) {
      CHECK(service.state(i).target == to);
      CHECK_FALSE(service.state(i).paused);
    }
    REQUIRE(writers.wait_for(100, std::chrono::seconds(60)));
  }
  straggler.stop();
  writers.stop();
  std::cout << writers.acknowledged() << " writes acknowledged, slowest "
            << writers.slowest().count() << " ms; straggler " << straggler.accepted()
            << " accepted, " << straggler.refused() << " refused\n";
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, live) == std::vector<std::string>{});
  CHECK(straggler.lost(service, live) == std::vector<std::string>{});
  CHECK(straggler.refused() > 0);
  const auto again = switch_to(service, live, std::chrono::seconds(5));
  CHECK_FALSE(again.changed);
}

}  // namespace
}  // namespace crossover::test
