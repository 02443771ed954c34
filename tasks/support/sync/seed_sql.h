#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sync/seeds.h"

namespace crossover::sync {

/// So many conflicts of a table are held before the first of them are chosen.
inline constexpr std::size_t most_conflicts_held = 1000;

/// Of a value that is shown, in characters.
inline constexpr int longest_value_shown = 200;

/// "a"::text, "b"::text. Pure.
std::string text_list(const std::vector<std::string>& columns);

/// An expression, "name=admin, kind=x", each value cut. Pure.
std::string shown_sql(const std::vector<std::string>& columns);

/// Leaves the first of those held, in order.
void choose_first(SeedConflicts& found);

}  // namespace crossover::sync
