// Whatever the schema, the load, the faults and the moments: nothing acknowledged is lost, and both
// databases are the same at each switch. CROSSOVER_TEST_SEED is the first case's seed and, without
// CROSSOVER_TEST_CASES, the only one's.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <random>

#include "base/clock.h"
#include "base/error.h"
#include "fixtures/postgres/installation.h"
#include "integration/property/journey.h"

using namespace crossover;
using namespace crossover::test;
using namespace crossover::test::property;

namespace {

constexpr std::uint64_t usual_cases = 30;
constexpr std::uint64_t shrink_seconds = 60;

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* given = std::getenv(variable);
  return given == nullptr ? otherwise : std::stoull(given);
}

std::vector<int> installed_versions() {
  std::vector<int> versions;
  for (int version = 12; version <= 18; ++version) {
    try {
      installation(version);
      versions.push_back(version);
    } catch (const Error&) {  // scripts/postgres-binaries has not brought this one
    }
  }
  return versions;
}

void report(const Case& failing, const std::string& failure, Servers& servers) {
  std::cout << fmt::format("seed {} fails: {}\nshrinking\n", failing.seed, failure) << std::flush;
  const Case smallest =
      shrink(failing, servers, static_cast<int>(number("CROSSOVER_TEST_SHRINK", shrink_seconds)));
  const std::string again = run_case(smallest, servers).failure;
  std::cout << fmt::format("smallest case that was found:\n{}\nit says: {}\n", smallest.text(),
                           again.empty() ? "(nothing this time)" : again)
            << std::flush;
}

}  // namespace

TEST_CASE("whatever the schema, the load and the faults, both databases are the same") {
  const bool replay = std::getenv("CROSSOVER_TEST_SEED") != nullptr;
  const std::uint64_t first = number("CROSSOVER_TEST_SEED", std::random_device{}() % 1000000000);
  const std::uint64_t cases = number("CROSSOVER_TEST_CASES", replay ? 1 : usual_cases);
  const std::vector<int> versions = installed_versions();
  REQUIRE_FALSE(versions.empty());
  std::cout << fmt::format("seeds {} to {}\n", first, first + cases - 1) << std::flush;
  Servers servers;
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    const Case drawn = draw_case(seed, versions);
    const auto start = std::chrono::steady_clock::now();
    const std::string failure = run_case(drawn, servers).failure;
    std::cout << fmt::format("seed {}: PostgreSQL {} to {}, {:.1f} s\n", seed, drawn.old_version,
                             drawn.new_version, seconds(std::chrono::steady_clock::now() - start))
              << std::flush;
    if (!failure.empty()) {
      report(drawn, failure, servers);
    }
    INFO("CROSSOVER_TEST_SEED=" << seed);
    REQUIRE(failure == "");
  }
}
