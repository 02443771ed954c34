#pragma once

#include <compare>
#include <string_view>
#include <vector>

namespace crossover::test::matrix {

inline constexpr int first_version = 12;
inline constexpr int last_version = 18;

struct Pair {
  int old_version = 0;
  int new_version = 0;
  auto operator<=>(const Pair&) const = default;
};

/// Every version as old and as new, itself among them.
std::vector<Pair> all_pairs();

/// What each change is tried with: every upgrade by one version, from the first to the last version
/// and back, and the last alone, which has features of its own. So each version is there as old and
/// as new.
std::vector<Pair> covering_pairs();

/// Reads "all", nothing (the covering ones) or a list such as "12-18 18-12". Throws Error{usage}
/// `unable to read pair 'TEXT': ...`.
std::vector<Pair> read_pairs(std::string_view text);

}  // namespace crossover::test::matrix
