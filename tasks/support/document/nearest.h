#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crossover::document {

/// How many single-byte insertions, deletions, replacements or swaps of neighbours lead from `a` to
/// `b` (optimal string alignment). Thread-safe, O(|a|*|b|).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name`: the one with the fewest edits, the first of several. Letter
/// case and `-` against `_` don't count as edits. Nothing when even that needs more edits than a
/// third of the name's length (at least one, at most three): a far-fetched guess misleads.
std::optional<std::string> nearest(std::string_view name,
                                   const std::vector<std::string>& candidates);

/// The hint that goes with an unknown name: "did you mean 'tables'?", else "valid: a, b, c", or
/// empty when there are no candidates.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace crossover::document
