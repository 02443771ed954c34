// Every version of PostgreSQL as the old and as the new database. CROSSOVER_TEST_PAIRS chooses the
// pairs ("all", or "12-18 18-12"; default: a covering part), CROSSOVER_TEST_TABLE a file that the
// results are written to.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <set>

#include "base/clock.h"
#include "cli/version.h"
#include "files/files.h"
#include "fixtures/error_of.h"
#include "integration/matrix/cases.h"
#include "integration/matrix/pairs.h"
#include "integration/matrix/report.h"

using namespace crossover;
using namespace crossover::test;
using namespace crossover::test::matrix;

namespace {

std::string environment(const char* name) {
  const char* given = std::getenv(name);
  return given == nullptr ? "" : given;
}

std::string release_of(const PostgresServer& server) {
  postgres::Session session = server.connect();
  const std::string text(session.query("SHOW server_version").text(0, 0));
  return text.substr(0, text.find(' '));
}

Result run(const Pair& pair, property::Servers& servers) {
  const auto start = std::chrono::steady_clock::now();
  const property::Outcome outcome =
      property::run_case(draw_case(pair.old_version, pair.new_version), servers);
  Result result{outcome.failure, outcome.acknowledged,
                seconds(std::chrono::steady_clock::now() - start)};
  std::cout << fmt::format("PostgreSQL {} to {}: {}, {} transactions, {:.1f} s\n", pair.old_version,
                           pair.new_version,
                           result.failure.empty() ? "passed" : "failed: " + result.failure,
                           result.acknowledged, result.seconds)
            << std::flush;
  return result;
}

std::string line_of(const std::string& text, const std::string& beginning) {
  const auto start = text.find("\n" + beginning);
  return start == std::string::npos
             ? ""
             : text.substr(start + 1, text.find('\n', start + 1) - start - 1);
}

}  // namespace

TEST_CASE("whatever the two versions, a database under load moves, comes home and moves again") {
  property::Servers servers;
  Report report;
  report.date = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
  report.commit = cli::version().commit;
  for (const Pair& pair : read_pairs(environment("CROSSOVER_TEST_PAIRS"))) {
    report.results[pair] = run(pair, servers);
    report.releases[pair.old_version] =
        release_of(servers.at(sync::Side::old_side, pair.old_version).server);
    report.releases[pair.new_version] =
        release_of(servers.at(sync::Side::new_side, pair.new_version).server);
  }
  if (const std::string file = environment("CROSSOVER_TEST_TABLE"); !file.empty()) {
    files::write_atomically(file, report.markdown(), 0644);
  }
  CHECK_FALSE(report.results.empty());
  for (const auto& [pair, result] : report.results) {
    INFO("CROSSOVER_TEST_PAIRS=" << pair.old_version << "-" << pair.new_version);
    CHECK(result.failure == "");
  }
}

TEST_CASE("the covering pairs have each version on either side and every upgrade by one") {
  const std::vector<Pair> pairs = read_pairs("");
  std::set<int> old_versions;
  std::set<int> new_versions;
  for (const Pair& pair : pairs) {
    old_versions.insert(pair.old_version);
    new_versions.insert(pair.new_version);
  }
  CHECK(old_versions == std::set<int>{12, 13, 14, 15, 16, 17, 18});
  CHECK(new_versions == old_versions);
  const std::set<Pair> covered(pairs.begin(), pairs.end());
  for (int version = 12; version < 18; ++version) {
    CHECK(covered.contains({version, version + 1}));
  }
  CHECK(covered.contains({12, 18}));
  CHECK(covered.contains({18, 12}));
  const std::vector<Pair> all = all_pairs();
  CHECK(std::set<Pair>(all.begin(), all.end()).size() == 49);
}

TEST_CASE("pairs are chosen by name") {
  CHECK(read_pairs("12-18 18-12") == std::vector<Pair>{{12, 18}, {18, 12}});
  CHECK(read_pairs("all") == all_pairs());
  for (const char* wrong : {"12", "12-19", "11-12", "12-18x", "12:18"}) {
    CHECK(error_of([&] { read_pairs(wrong); }).text() ==
          fmt::format("unable to read pair '{}': it is not OLD-NEW, two versions from 12 to 18",
                      wrong));
  }
}

TEST_CASE("a pair that failed is shown as failed, with its failure") {
  Report report;
  report.date = "2026-11-27";
  report.commit = "0123456789ab";
  report.releases = {{12, "12.22"}, {18, "18.1"}};
  report.results[{12, 18}] = {.failure = {}, .acknowledged = 2345};
  report.results[{18, 12}] = {.failure = "after the move:\ncounter 1 differs"};
  const std::string text = report.markdown();
  CHECK(line_of(text, "2026") ==
        "2026-11-27 at commit 0123456789ab: 2 pairs tried, 1 passed, 1 failed. Rows: old; columns: "
        "new. In a cell: the transactions");
  CHECK(line_of(text, "| old") == "| old \\ new | 12.22 | 13 | 14 | 15 | 16 | 17 | 18.1 |");
  CHECK(line_of(text, "| 12 | -") == "| 12 | - | - | - | - | - | - | 2345 |");
  CHECK(line_of(text, "| 18 | *") == "| 18 | **failed** | - | - | - | - | - | - |");
  CHECK(line_of(text, "- 18") == "- 18 to 12: after the move: counter 1 differs");
}
