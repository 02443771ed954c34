#include "integration/property/special_operations.h"

#include <fmt/format.h>

#include <algorithm>

#include "integration/property/statement_parts.h"
#include "postgres/quote.h"

namespace crossover::test::property {
namespace {

using postgres::quote_identifier;

// Two rows take each other's unique value, which a deferrable constraint allows in one statement.
Operation swap(Random& random, const Table& table) {
  const Column& column = table.columns[static_cast<std::size_t>(table.unique)];
  const std::string a = column.draw_existing(random);
  const std::string b = column.draw_existing(random);
  return {.table = table.name,
          .sql = fmt::format("UPDATE {0} SET {1} = CASE {1} WHEN {2} THEN {3} ELSE {2} END "
                             "WHERE {1} IN ({2}, {3})",
                             table.name, quote_identifier(column.name), a, b),
          .what = "unique swap"};
}

// What names a partition fires that one's triggers, not those of the whole table.
Operation write_partition(Random& random, const Table& table) {
  const std::string& partition = random.pick(table.partitions);
  const std::string part = std::to_string(random.below(40));
  const std::string set = assignments(random, writable(table, false), 2);
  if (set.empty() || random.chance(50)) {
    return {.table = table.name,
            .sql = fmt::format("DELETE FROM {} WHERE part >= {}", partition, part),
            .what = "delete in a partition by its name"};
  }
  return {.table = table.name,
          .sql = fmt::format("UPDATE {} SET {} WHERE part >= {}", partition, set, part),
          .what = "update of a partition by its name"};
}

Operation truncate(Random& random, const Schema& schema, const Table& table) {
  const std::string& what =
      !table.partitions.empty() && random.chance(50) ? random.pick(table.partitions) : table.name;
  const Table& also = random.pick(schema.tables);
  if (table.has_children && random.chance(40)) {
    return {.table = table.name,
            .sql = fmt::format("TRUNCATE ONLY {} CASCADE", what),
            .what = "truncate of a parent without its children"};
  }
  if (also.name == table.name || random.chance(60)) {
    return {.table = table.name,
            .sql = fmt::format("TRUNCATE {} CASCADE", what),
            .what = what == table.name ? "truncate" : "truncate of a partition"};
  }
  return {.table = table.name,
          .sql = fmt::format("TRUNCATE {}, {} CASCADE", what, also.name),
          .what = "truncate of several tables",
          .also = also.name};
}

Operation move_between_partitions(Random& random, const Table& table) {
  return {.table = table.name,
          .sql = fmt::format("UPDATE {} SET part = {} WHERE part = {}", table.name,
                             random.below(40), random.below(40)),
          .what = "row movement"};
}

// Rows go from a parent to a child, or back, with all that both have.
std::optional<Operation> move_in_family(Random& random, const Schema& schema, const Table& child) {
  const auto parent =
      std::find_if(schema.tables.begin(), schema.tables.end(),
                   [&](const Table& table) { return table.name == child.parents.front(); });
  if (parent == schema.tables.end() || !parent->rules.empty() || !child.rules.empty()) {
    return std::nullopt;
  }
  std::string names;
  std::string own_names;
  std::string own_values;
  for (std::size_t i = 0; i < child.columns.size(); ++i) {
    const Column& column = child.columns[i];
    if (column.fill == Fill::server) {
      continue;
    }
    const std::string name = quote_identifier(column.name);
    if (i < parent->columns.size()) {
      names += (names.empty() ? "" : ", ") + name;
    } else {
      own_names += ", " + name;
      own_values += ", " + (column.fill == Fill::sequence ? column.draw_existing(random)
                                                          : column.draw(random));
    }
  }
  const bool down = random.chance(60);
  return Operation{
      .table = parent->name,
      .sql = fmt::format(
          "WITH gone AS (DELETE FROM ONLY {} WHERE {} RETURNING {}) INSERT INTO {} ({}{}) "
          "OVERRIDING SYSTEM VALUE SELECT {}{} FROM gone",
          down ? parent->name : child.name, where_key(random, down ? *parent : child), names,
          down ? child.name : parent->name, names, down ? own_names : "", names,
          down ? own_values : ""),
      .what =
          down ? "row movement from a parent to a child" : "row movement from a child to a parent",
      .also = child.name};
}

// Insert, update and delete in one statement.
std::optional<Operation> merge(Random& random, const Table& table) {
  const auto columns = writable(table, true);
  const std::string set = assignments(random, writable(table, false), 2);
  if (columns.empty() || set.empty()) {
    return std::nullopt;
  }
  return Operation{
      .table = table.name,
      .sql = fmt::format("MERGE INTO {} USING (SELECT 1) AS one ON {} WHEN MATCHED AND "
                         "random() < 0.3 THEN DELETE WHEN MATCHED THEN UPDATE SET {} "
                         "WHEN NOT MATCHED THEN INSERT ({}) VALUES {}",
                         table.name, where_key(random, table), set, column_names(columns),
                         values_row(random, columns)),
      .what = "merge"};
}

Operation lock_rows(Random& random, const Table& table) {
  static const std::vector<std::string> strengths = {"UPDATE", "NO KEY UPDATE", "SHARE",
                                                     "KEY SHARE"};
  return {.table = table.name,
          .sql = fmt::format("SELECT FROM {} WHERE {} FOR {}", table.name, where_key(random, table),
                             random.pick(strengths)),
          .what = "row locks"};
}

}  // namespace

std::optional<Operation> draw_special(Random& random, const Schema& schema, const Table& table) {
  const int kind = random.below(1000);
  if (kind < 8) {
    return truncate(random, schema, table);
  }
  if (kind < 100 && table.unique >= 0) {
    return swap(random, table);
  }
  if (kind < 80 && !table.partitions.empty()) {
    return write_partition(random, table);
  }
  if (kind < 150 && !table.partitions.empty()) {
    return move_between_partitions(random, table);
  }
  if (kind < 150 && !table.parents.empty()) {
    return move_in_family(random, schema, table);
  }
  if (kind < 170) {
    return lock_rows(random, table);
  }
  // PostgreSQL takes no MERGE where there are rules, and 15.13 and 17.5 crash (signal 11) where two
  // of them meet in a child whose columns stand in another order than its parent's.
  if (kind < 210 && schema.since >= 15 && !table.key.empty() && table.rules.empty() &&
      !table.has_children) {
    return merge(random, table);
  }
  return std::nullopt;
}

}  // namespace crossover::test::property
