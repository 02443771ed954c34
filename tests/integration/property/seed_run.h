#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace crossover::test::property {

/// Both ends included.
struct SeedRange {
  std::uint64_t first;
  std::uint64_t last;
  /// "1..25"
  std::string text() const;
};

/// "17 1..25": each word a seed, or a range.
std::vector<SeedRange> read_ranges(const std::string& text);

struct SeedRunOptions {
  std::vector<int> versions;  ///< those that cases are drawn for
  int workers = 1;            ///< cases that run at once
  Duration budget{};          ///< after that no range is begun
  int shrink_seconds = 60;    ///< for a case that failed
};

/// Runs the cases of all seeds. Prints a line for each, what is to be said of those that fail, and
/// one line for each range that has ended: "ended " and JSON, for who sums up. Returns the seeds
/// that failed.
std::vector<std::uint64_t> run_seeds(const std::vector<SeedRange>& ranges,
                                     const SeedRunOptions& options);

}  // namespace crossover::test::property
