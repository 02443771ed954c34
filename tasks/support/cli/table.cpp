#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace crossover::cli {
namespace {

std::string printable(std::string_view text) {
  std::string shown;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '\n' || letter == '\t') {
      shown += ' ';
    } else {
      shown += byte < 0x20 || byte == 0x7f ? '?' : letter;
    }
  }
  return shown;
}

std::string upper(std::string_view text) {
  std::string shown(text);
  std::ranges::transform(shown, shown.begin(), [](unsigned char letter) {
    return static_cast<char>(std::toupper(letter));
  });
  return shown;
}

const std::string& cell(const std::vector<std::string>& row, std::size_t column) {
  static const std::string none;
  return column < row.size() ? row[column] : none;
}

void append_row(std::string& text, const std::vector<std::string>& cells,
                const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t column = 0; column < widths.size(); ++column) {
    if (widths[column] == 0) {
      continue;
    }
    const std::string shown = printable(cell(cells, column));
    line += shown;
    line.append(widths[column] - display_width(shown) + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + "\n";
}

std::string escaped(std::string_view text) {
  std::string shown;
  for (const char letter : printable(text)) {
    if (letter == '|' || letter == '<' || letter == '`' || letter == '\\') {
      shown += '\\';
    }
    shown += letter;
  }
  return shown;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char letter) { return (static_cast<unsigned char>(letter) & 0xc0U) != 0x80U; }));
}

std::string aligned(const Table& table) {
  std::vector<std::size_t> widths(table.columns.size(), 0);
  for (const auto& row : table.rows) {
    for (std::size_t column = 0; column < widths.size(); ++column) {
      widths[column] = std::max(widths[column], display_width(printable(cell(row, column))));
    }
  }
  std::vector<std::string> heads;
  for (std::size_t column = 0; column < widths.size(); ++column) {
    heads.push_back(upper(table.columns[column]));
    if (widths[column] > 0) {
      widths[column] = std::max(widths[column], display_width(heads.back()));
    }
  }
  std::string text;
  append_row(text, heads, widths);
  for (const auto& row : table.rows) {
    append_row(text, row, widths);
  }
  return text;
}

std::string markdown(const Table& table) {
  std::string text;
  const auto append = [&](const std::vector<std::string>& cells) {
    text += "|";
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      text += fmt::format(" {} |", escaped(cell(cells, column)));
    }
    text += "\n";
  };
  append(table.columns);
  text += "|";
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    text += "---|";
  }
  text += "\n";
  for (const auto& row : table.rows) {
    append(row);
  }
  return text;
}

}  // namespace crossover::cli
