// Whatever the schema, the load, the faults and the moments: nothing acknowledged is lost, and both
// databases are the same at each switch.
//
// CROSSOVER_TEST_SEEDS are the cases' seeds ("17", or ranges: "1..25 51..75"); without it some are
// drawn. CROSSOVER_TEST_VERSIONS are the versions that cases are drawn for ("12 18"; default: those
// that are there), so they belong to a seed. CROSSOVER_TEST_WORKERS is how many cases run at once
// (default: one for each core), each with servers of its own. CROSSOVER_TEST_SECONDS ends the test
// when the ranges that are begun have ended. CROSSOVER_TEST_SHRINK is how many seconds a failing
// case may be shrunk for.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "fixtures/postgres/installation.h"
#include "integration/property/coverage.h"
#include "integration/property/journey.h"
#include "integration/property/seed_run.h"

using namespace crossover;
using namespace crossover::test;
using namespace crossover::test::property;

namespace {

constexpr std::uint64_t usual_cases = 200;
constexpr int usual_shrink_seconds = 60;

std::string environment(const char* variable) {
  const char* given = std::getenv(variable);
  return given == nullptr ? "" : given;
}

int number(const char* variable, int otherwise) {
  const std::string given = environment(variable);
  return given.empty() ? otherwise : std::stoi(given);
}

std::vector<SeedRange> ranges() {
  const std::vector<SeedRange> given = read_ranges(environment("CROSSOVER_TEST_SEEDS"));
  const std::uint64_t first = std::random_device{}() % 1000000000;
  return given.empty() ? std::vector<SeedRange>{{first, first + usual_cases - 1}} : given;
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

}  // namespace

TEST_CASE("whatever the schema, the load and the faults, both databases are the same", "[cases]") {
  const std::vector<int> those = versions();
  REQUIRE_FALSE(those.empty());
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const std::vector<std::uint64_t> failed = run_seeds(
      ranges(), {.versions = those,
                 .workers = number("CROSSOVER_TEST_WORKERS", static_cast<int>(cores)),
                 .budget = std::chrono::seconds(number("CROSSOVER_TEST_SECONDS", 1000000000)),
                 .shrink_seconds = number("CROSSOVER_TEST_SHRINK", usual_shrink_seconds)});
  INFO("CROSSOVER_TEST_SEEDS of those that failed");
  CHECK(failed == std::vector<std::uint64_t>{});
}

TEST_CASE("seeds are read in ranges") {
  const auto text = [](const std::string& given) {
    std::string found;
    for (const SeedRange& range : read_ranges(given)) {
      found += range.text() + " ";
    }
    return found;
  };
  CHECK(text("") == "");
  CHECK(text("17") == "17..17 ");
  CHECK(text(" 1..25 51..75 9") == "1..25 51..75 9..9 ");
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
                           "table: parent",
                           "table: child of two parents",
                           "table: child and parent",
                           "table: child without a key",
                           "table: child that was a table of its own",
                           "table: child that is skipped",
                           "rule: also writes another table",
                           "rule: instead, under a condition",
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
                           "key: generated, of a partitioned table",
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
                           "statement: truncate of a parent without its children",
                           "statement: row movement from a parent to a child",
                           "statement: row movement from a child to a parent",
                           "statement: merge",
                           "statement: row locks",
                           "statement: nextval alone",
                           "statement: delete of all rows",
                           "statement: delete and insert in one statement",
                           "statement: update of a partition by its name",
                           "transaction: SERIALIZABLE",
                           "transaction: REPEATABLE READ",
                           "transaction: rolled back",
                           "transaction: committed asynchronously",
                           "journey: 4 moves",
                           "step: failover",
                           "step: change",
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
