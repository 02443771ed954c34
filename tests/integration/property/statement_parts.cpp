#include "integration/property/statement_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "postgres/quote.h"

namespace crossover::test::property {

using postgres::quote_identifier;

std::vector<const Column*> writable(const Table& table, bool with_key) {
  std::vector<const Column*> found;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const bool is_key = std::find(table.key.begin(), table.key.end(), i) != table.key.end();
    // Only DEFAULT may be written to an identity column that is always generated.
    if (column.fill != Fill::server && !column.always && (with_key || !is_key)) {
      found.push_back(&column);
    }
  }
  return found;
}

std::string target(Random& random, const Table& table) {
  if (!table.view.empty() && random.chance(50)) {
    return table.view;
  }
  return table.has_children && random.chance(25) ? "ONLY " + table.name : table.name;
}

std::string where_key(Random& random, const Table& table) {
  if (table.key.empty()) {
    return fmt::format("ctid = ANY (ARRAY(SELECT ctid FROM {} LIMIT {}))", table.name,
                       random.between(1, 3));
  }
  std::string where;
  for (const std::size_t position : table.key) {
    const Column& column = table.columns[position];
    // Often only a part of the key, since the whole of a long one is seldom met.
    if (!where.empty() && random.chance(60)) {
      continue;
    }
    where += fmt::format("{}{} = {}", where.empty() ? "" : " AND ", quote_identifier(column.name),
                         column.fill == Fill::server ? std::to_string(2 * random.below(key_domain))
                                                     : column.draw_existing(random));
  }
  return where;
}

std::string assignments(Random& random, std::vector<const Column*> columns, int most) {
  std::string text;
  for (int i = random.between(1, most); i > 0 && !columns.empty(); --i) {
    const Column* column = random.take(columns);
    const std::string value =
        column->fill == Fill::sequence ? column->draw_existing(random) : column->draw(random);
    text +=
        fmt::format("{}{} = {}", text.empty() ? "" : ", ", quote_identifier(column->name), value);
  }
  return text;
}

std::string values_row(Random& random, const std::vector<const Column*>& columns) {
  std::string row;
  for (const Column* column : columns) {
    row += (row.empty() ? "" : ", ") + column->draw(random);
  }
  return "(" + row + ")";
}

std::string column_names(const std::vector<const Column*>& columns) {
  std::string names;
  for (const Column* column : columns) {
    names += (names.empty() ? "" : ", ") + quote_identifier(column->name);
  }
  return names;
}

std::string key_names(const Table& table) {
  std::vector<const Column*> columns;
  for (const std::size_t position : table.key) {
    columns.push_back(&table.columns[position]);
  }
  return column_names(columns);
}

}  // namespace crossover::test::property
