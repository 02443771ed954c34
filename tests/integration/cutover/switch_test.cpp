#include "cutover/switch.h"

#include <catch2/catch.hpp>
#include <iostream>

#include "base/stop.h"
#include "cutover/cutover_lock.h"
#include "fixtures/error_of.h"
#include "integration/cutover/service.h"

namespace crossover::test {
namespace {

using sync::Side;

cutover::SwitchReport run(Service& service, const cutover::SwitchOptions& options) {
  cutover::Fleet fleet = service.fleet();
  const SystemClock clock;
  NoLog log;
  const StopRequest stop;
  return cutover::run_switch(service.databases(), fleet, options, clock, log, stop);
}

cutover::SwitchOptions options_to(Side side) {
  cutover::SwitchOptions options;
  options.migration = migration;
  options.to = side;
  options.pause_budget = std::chrono::seconds(5);
  return options;
}

cutover::SwitchReport switch_to(Service& service, Side side) {
  return run(service, options_to(side));
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
    const auto report = switch_to(service, to);
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
  const auto again = switch_to(service, live);
  CHECK_FALSE(again.changed);
}

TEST_CASE("a pooler that has started since the others were listed is not left behind") {
  Service service(1);
  cutover::SwitchOptions options = options_to(Side::new_side);
  options.running_poolers = [&] {
    std::vector<std::string> names = service.fleet().names();
    names.emplace_back("pooler-2");
    return names;
  };
  const Error error = error_of([&] { run(service, options); });
  CHECK(error.kind() == ErrorKind::locked);
  CHECK(error.text() == "unable to switch: pooler 'pooler-2' has started meanwhile");
  CHECK(error.hint() == "run this step again");
  CHECK(service.state(0).target == Side::old_side);
  options.running_poolers = [&] { return service.fleet().names(); };
  CHECK(run(service, options).changed);
}

TEST_CASE("the guards may act while the API server is asked which poolers run") {
  Service service(1);
  cutover::SwitchOptions options = options_to(Side::new_side);
  options.running_poolers = [&] {
    postgres::Session session = service.databases().old_db.open("test");
    CHECK_FALSE(cutover::task_silence(session, migration));
    return service.fleet().names();
  };
  CHECK(run(service, options).changed);
}

}  // namespace
}  // namespace crossover::test
