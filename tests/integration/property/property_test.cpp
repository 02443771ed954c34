// Whatever the schema, the load, the faults and the moments: nothing acknowledged is lost, and both
// databases are the same at each switch.
//
// CROSSOVER_TEST_SEEDS are the cases' seeds ("17", or ranges: "1..25 51..75"); without it some are
// drawn. CROSSOVER_TEST_VERSIONS are the versions that cases are drawn for ("12 18"; default: those
// that are there), so they belong to a seed. CROSSOVER_TEST_SECONDS ends the test at the end of a
// range. CROSSOVER_TEST_SHRINK is how many seconds a failing case may be shrunk for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "base/clock.h"
#include "base/error.h"
#include "fixtures/postgres/installation.h"
#include "integration/property/coverage.h"
#include "integration/property/journey.h"

using namespace crossover;
using namespace crossover::test;
using namespace crossover::test::property;

namespace {

constexpr std::uint64_t usual_cases = 30;
constexpr int usual_shrink_seconds = 60;

struct Range {
  std::uint64_t first;
  std::uint64_t last;
  std::string text() const { return fmt::format("{}..{}", first, last); }
};

std::string environment(const char* variable) {
  const char* given = std::getenv(variable);
  return given == nullptr ? "" : given;
}

int number(const char* variable, int otherwise) {
  const std::string given = environment(variable);
  return given.empty() ? otherwise : std::stoi(given);
}

std::vector<Range> ranges() {
  std::vector<Range> found;
  std::istringstream words(environment("CROSSOVER_TEST_SEEDS"));
  for (std::string word; words >> word;) {
    const auto dots = word.find("..");
    const std::uint64_t first = std::stoull(word);
    found.push_back(
        {first, dots == std::string::npos ? first : std::stoull(word.substr(dots + 2))});
  }
  if (found.empty()) {
    const std::uint64_t first = std::random_device{}() % 1000000000;
    found.push_back({first, first + usual_cases - 1});
  }
  return found;
}

std::vector<int> installed_versions() {
  std::vector<int> found;
  for (int version = 12; version <= 18; ++version) {
    try {
      installation(version);
      found.push_back(version);
    } catch (const Error&) {  // scripts/postgres-binaries has not brought this one
    }
  }
  return found;
}

std::vector<int> versions() {
  std::vector<int> found;
  std::istringstream given(environment("CROSSOVER_TEST_VERSIONS"));
  for (int version = 0; given >> version;) {
    found.push_back(version);
  }
  return found.empty() ? installed_versions() : found;
}

class Run {
 public:
  explicit Run(std::vector<int> versions) : versions_(std::move(versions)) {}

  /// Returns the seeds that failed.
  std::vector<std::uint64_t> run(const Range& range) {
    std::vector<std::uint64_t> failed;
    Coverage coverage;
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t seed = range.first; seed <= range.last; ++seed) {
      if (!run(seed, coverage)) {
        failed.push_back(seed);
      }
    }
    // For who sums up (scripts/check property).
    const nlohmann::json ended = {{"seeds", range.text()},
                                  {"releases", servers_.releases()},
                                  {"failed", failed},
                                  {"seconds", seconds(std::chrono::steady_clock::now() - start)},
                                  {"acknowledged", std::exchange(acknowledged_, 0)},
                                  {"covered", coverage.counts()}};
    std::cout << "ended " << ended.dump() << "\n" << std::flush;
    return failed;
  }

 private:
  bool run(std::uint64_t seed, Coverage& coverage) {
    const Case drawn = draw_case(seed, versions_);
    const auto start = std::chrono::steady_clock::now();
    const Outcome outcome = run_case(drawn, servers_);
    std::cout << fmt::format("seed {}: PostgreSQL {} to {}, {:.1f} s\n", seed, drawn.old_version,
                             drawn.new_version, seconds(std::chrono::steady_clock::now() - start))
              << std::flush;
    coverage.add(drawn, outcome);
    acknowledged_ += outcome.acknowledged;
    if (outcome.failure.empty()) {
      return true;
    }
    std::cout << fmt::format("seed {} fails: {}\n", seed, outcome.failure)
              << fmt::format(
                     "it is run again by: CROSSOVER_TEST_VERSIONS='{}' "
                     "CROSSOVER_TEST_SEEDS={} property_test\nshrinking\n",
                     fmt::join(versions_, " "), seed)
              << std::flush;
    const Case smallest =
        shrink(drawn, servers_, number("CROSSOVER_TEST_SHRINK", usual_shrink_seconds));
    const std::string again = run_case(smallest, servers_).failure;
    std::cout << fmt::format("smallest case that was found:\n{}\nit says: {}\n", smallest.text(),
                             again.empty() ? "(nothing this time)" : again)
              << std::flush;
    return false;
  }

  std::vector<int> versions_;
  Servers servers_;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace

TEST_CASE("whatever the schema, the load and the faults, both databases are the same", "[cases]") {
  const std::vector<int> those = versions();
  REQUIRE_FALSE(those.empty());
  const auto start = std::chrono::steady_clock::now();
  const auto budget = std::chrono::seconds(number("CROSSOVER_TEST_SECONDS", 1000000000));
  Run run(those);
  for (const Range& range : ranges()) {
    if (std::chrono::steady_clock::now() - start > budget) {
      break;
    }
    std::cout << fmt::format("seeds {}\n", range.text()) << std::flush;
    INFO("CROSSOVER_TEST_SEEDS of those that failed");
    CHECK(run.run(range) == std::vector<std::uint64_t>{});
  }
}

TEST_CASE("no part of the generator is dead") {
  Coverage coverage;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    coverage.add(draw_case(seed, {12, 15, 18}), {});
  }
  INFO(coverage.text());
  for (const char* part : {"table: PARTITION BY RANGE (part)",
                           "table: PARTITION BY LIST (part)",
                           "table: PARTITION BY HASH (part)",
                           "table: nested partitions",
                           "table: attached partition with another order of columns",
                           "table: unlogged",
                           "table: written through a view",
                           "table: row security",
                           "table: skipped, refers to a carried one",
                           "table: in a second schema",
                           "table: another order of columns on the new side",
                           "table: has lost a column on the old side",
                           "table: of hundreds of columns",
                           "name: of 61 bytes or more",
                           "name: with a quote",
                           "key: none",
                           "key: of several columns",
                           "key: deferrable",
                           "key: unique index alone",
                           "key: uuid",
                           "key: public.letter",
                           "key: text COLLATE public.ignoring_case",
                           "key: bigint, generated",
                           "key: bigint, from a sequence",
                           "column: generated, stored",
                           "column: generated, virtual",
                           "column: identity, always",
                           "column: identity, by default",
                           "constraint: exclusion",
                           "constraint: deferrable unique",
                           "trigger: changes the row",
                           "trigger: writes another table",
                           "foreign key: to its own table",
                           "foreign key: cycle",
                           "foreign key: plain",
                           "foreign key: ON DELETE SET NULL",
                           "foreign key: ON DELETE CASCADE",
                           "foreign key: ON UPDATE CASCADE ON DELETE CASCADE",
                           "sequence: of two tables",
                           "sequence: owned",
                           "statement: unique swap",
                           "statement: key update",
                           "statement: row movement",
                           "statement: truncate",
                           "statement: truncate of a partition",
                           "statement: truncate of several tables",
                           "statement: merge",
                           "statement: row locks",
                           "statement: nextval alone",
                           "statement: delete of all rows",
                           "statement: delete and insert in one statement",
                           "statement: update of a partition by its name",
                           "transaction: SERIALIZABLE",
                           "transaction: REPEATABLE READ",
                           "transaction: rolled back",
                           "journey: 4 moves",
                           "fault at: the installation",
                           "fault at: the copy",
                           "fault at: drain",
                           "fault at: reverse",
                           "fault at: move",
                           "fault at: verify",
                           "fault at: purge"}) {
    CAPTURE(part);
    CHECK(coverage.counts().contains(part));
  }
  for (const ValueType& type : value_types()) {
    CAPTURE(type.sql);
    CHECK(coverage.counts().contains("column: " + type.sql +
                                     (type.collation.empty() ? "" : " COLLATE " + type.collation)));
  }
}
