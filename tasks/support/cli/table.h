#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/result.h"

namespace crossover::cli {

/// Columns of a terminal that a UTF-8 text takes: one for each code point. Wide scripts are not
/// told apart.
std::size_t display_width(std::string_view text);

/// The table as aligned columns, two spaces apart, no trailing spaces; empty columns are left out.
/// Control characters of cells are shown as '?', so that data can't steer the terminal.
std::string aligned(const Table& table);

/// The table in GitHub's Markdown.
std::string markdown(const Table& table);

}  // namespace crossover::cli
