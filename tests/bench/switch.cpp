// Switches a service under load there and back and tells how long it was paused, as JSON:
//   bench_switch ROWS TABLES SWITCHES WRITES_PER_SECOND
#include "cutover/switch.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>

#include "base/error.h"
#include "base/stop.h"
#include "bench/switched_site.h"

namespace {

using namespace crossover;
using nlohmann::json;

double milliseconds(Duration duration) { return 1e3 * seconds(duration); }

cutover::SwitchReport switch_to(bench::Site& site, sync::Side side) {
  cutover::Fleet fleet = site.fleet();
  cutover::SwitchOptions options;
  options.migration = test::migration;
  options.to = side;
  options.pause_budget = std::chrono::seconds(10);
  const SystemClock clock;
  NoLog log;
  const StopRequest stop;
  return cutover::run_switch(site.databases(), fleet, options, clock, log, stop);
}

// An autovacuum that is at work is a reason to wait, as for a person at a shell.
cutover::SwitchReport switch_when_quiet(bench::Site& site, sync::Side side) {
  for (int attempt = 1;; ++attempt) {
    try {
      return switch_to(site, side);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::precondition || attempt == 30) {
        throw;
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }
}

json described(const cutover::SwitchReport& report, sync::Side side) {
  json phases = json::array();
  for (const cutover::SwitchPhase& phase : report.phases) {
    phases.push_back({{"name", phase.name}, {"ms", milliseconds(phase.duration)}});
  }
  return {{"to", sync::name(side)},
          {"paused_ms", milliseconds(report.paused)},
          {"phases", phases},
          {"keys", report.last_drain.keys},
          {"tables", report.last_drain.tables}};
}

int run(std::span<char*> arguments) {
  const bench::SiteSize size{std::stoll(arguments[1]), std::stoi(arguments[2])};
  const int switches = std::stoi(arguments[3]);
  bench::Site site(size);
  bench::Load load(site, std::stoi(arguments[4]));
  json moves = json::array();
  sync::Side live = sync::Side::old_side;
  for (int n = 0; n < switches; ++n) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    const sync::Side to = sync::other(live);
    moves.push_back(described(switch_when_quiet(site, to), to));
    live = to;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const double rate = load.achieved_rate();
  load.stop();
  const auto durations = load.durations();
  const auto write_ms = [&durations](double share) {
    return durations.at(static_cast<std::size_t>(share * static_cast<double>(durations.size() - 1)))
        .count();
  };
  const json document = {
      {"rows", size.rows},
      {"tables", size.tables},
      {"switches", moves},
      {"writes_per_second", rate},
      {"write_ms", {{"median", write_ms(0.5)}, {"p99", write_ms(0.99)}, {"slowest", write_ms(1)}}},
      {"acknowledged", load.acknowledged()},
      {"failed", load.failed()},
      {"first_failure", load.first_failure()},
      {"lost_or_doubled", load.difference(live)}};
  fmt::print("{}\n", document.dump());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: bench_switch ROWS TABLES SWITCHES WRITES_PER_SECOND\n");
    return 2;
  }
  try {
    return run(std::span(argv, static_cast<std::size_t>(argc)));
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\nHINT: {}\n", error.text(), error.hint());
    return 1;
  }
}
