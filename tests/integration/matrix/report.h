#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "integration/matrix/pairs.h"

namespace crossover::test::matrix {

/// What became of one pair.
struct Result {
  std::string failure;             ///< empty: it passed
  std::uint64_t acknowledged = 0;  ///< transactions of the load
  double seconds = 0;
};

struct Report {
  std::map<Pair, Result> results;
  std::map<int, std::string> releases;  ///< of each major version: what the server says
  std::string date;                     ///< 2026-11-27
  std::string commit;                   ///< empty where it is not known

  /// docs/versions.md: one row for each old version, one column for each new one. A pair that
  /// failed says so and has its failure below; one that has not been tried is "-".
  std::string markdown() const;
};

}  // namespace crossover::test::matrix
