#include "integration/matrix/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "integration/matrix/features.h"

namespace crossover::test::matrix {
namespace {

constexpr const char* head = R"(# Versions
Every version of PostgreSQL from 12 to 18 as the old and as the new database, in both directions: home may be older than the new
database. This page is written by `scripts/check matrix`; `scripts/test integration` tries a covering part (every upgrade by one version,
12 and 18 both ways, and 18 alone). `CROSSOVER_TEST_PAIRS="12-18 18-12"` chooses pairs for `matrix_test` by hand, `all` all of them.

)";

constexpr const char* what = R"(
What a pair has gone through, with the engine on real servers (`tests/integration/matrix`):
- Four sessions write all the time, at all isolation levels. Each of their transactions adds one to a counter and leaves a token, and
  at every station each one of them has been acknowledged at least once, having changed rows.
- Copy by three workers; drains, one of them with a transaction open; verifications by the engine; purge; capture on the new side; the
  switch to the new database; home by the same way; to the new one again.
- After each move, and at the end, with the load stopped for a moment: every row of every table as text is the same on both
  sides by plain SQL; counters and tokens on both sides are exactly those acknowledged; no writer has seen any error but a closed
  gate and its own conflicts; sequences stand 100 steps ahead of what was handed out on the other side.
- The preflight finds no error between the two schemas.

The schema of a pair has what both of its versions know:

| since | |
|---|---|
| 12 | a column of each type with edge values: jsonb, bytea, arrays, ranges, enum, domains, hstore, citext, numeric, floats, times ... |
| 13 to 17 | xid8 (13), multiranges and infinite numerics (14), infinite intervals (17) |
)";

std::string cell(const Result& result) {
  return result.failure.empty() ? fmt::format("{}", result.acknowledged) : "**failed**";
}

// A failure may be long and have lines of its own.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.size() > 400 ? text.substr(0, 400) + " ..." : text;
}

}  // namespace

std::string Report::markdown() const {
  const auto failed = std::count_if(results.begin(), results.end(), [](const auto& entry) {
    return !entry.second.failure.empty();
  });
  std::string text = head;
  text += fmt::format(
      "{} at commit {}: {} pairs tried, {} passed, {} failed. Rows: old; columns: new. In a cell: "
      "the transactions\nof the load that were acknowledged and found again, all of them.\n\n",
      date, commit.empty() ? "(unknown)" : commit, results.size(),
      results.size() - static_cast<std::size_t>(failed), failed);
  std::string header = "| old \\ new |";
  std::string rule = "|---|";
  for (int version = first_version; version <= last_version; ++version) {
    const auto release = releases.find(version);
    header +=
        fmt::format(" {} |", release == releases.end() ? std::to_string(version) : release->second);
    rule += "--:|";
  }
  text += header + "\n" + rule + "\n";
  for (int before = first_version; before <= last_version; ++before) {
    text += fmt::format("| {} |", before);
    for (int after = first_version; after <= last_version; ++after) {
      const auto found = results.find({before, after});
      text += fmt::format(" {} |", found == results.end() ? "-" : cell(found->second));
    }
    text += "\n";
  }
  if (failed > 0) {
    text += "\nFailed:\n";
    for (const auto& [pair, result] : results) {
      if (!result.failure.empty()) {
        text += fmt::format("- {} to {}: {}\n", pair.old_version, pair.new_version,
                            one_line(result.failure));
      }
    }
  }
  text += what;
  for (const Feature& feature : features_of(last_version)) {
    text += fmt::format("| {} | {} |\n", feature.since, feature.name);
  }
  return text;
}

}  // namespace crossover::test::matrix
