#include "sync/seed_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "postgres/quote.h"

namespace crossover::sync {
namespace {

constexpr std::size_t most_shown = 20;
constexpr std::size_t most_accepted_shown = 100;

}  // namespace

std::string text_list(const std::vector<std::string>& columns) {
  std::string list;
  for (const std::string& column : columns) {
    list += (list.empty() ? "" : ", ") + postgres::quote_identifier(column) + "::text";
  }
  return list;
}

std::string shown_sql(const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& column : columns) {
    text += fmt::format("{}{} || coalesce(left({}::text, {}), 'NULL')",
                        text.empty() ? "" : " || ', ' || ", postgres::quote_literal(column + "="),
                        postgres::quote_identifier(column), longest_value_shown);
  }
  return text;
}

void choose_first(SeedConflicts& found) {
  std::stable_sort(
      found.shown.begin(), found.shown.end(),
      [](const SeedConflict& a, const SeedConflict& b) { return a.natural_key < b.natural_key; });
  found.shown.resize(std::min(found.shown.size(), most_shown));
  std::sort(found.accepted_keys.begin(), found.accepted_keys.end());
  found.accepted_keys.resize(std::min(found.accepted_keys.size(), most_accepted_shown));
}

}  // namespace crossover::sync
