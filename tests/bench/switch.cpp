// Switches a service under load there and back and tells how long it was paused, as JSON:
//   bench_switch ROWS TABLES SWITCHES WRITES_PER_SECOND
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>

#include "base/error.h"
#include "bench/switched_site.h"
#include "bench/switching.h"

namespace {

using namespace crossover;
using nlohmann::json;

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
    moves.push_back(bench::described(bench::switch_when_quiet(
                                         site.databases(), [&site] { return site.fleet(); }, to),
                                     to));
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
