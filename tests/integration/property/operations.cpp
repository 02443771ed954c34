#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "integration/property/workload.h"
#include "postgres/quote.h"

namespace crossover::test::property {
namespace {

using postgres::quote_identifier;

/// The columns that a statement may name.
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

/// What a statement names: the table, or now and then its view.
const std::string& target(Random& random, const Table& table) {
  return !table.view.empty() && random.chance(50) ? table.view : table.name;
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

Operation upsert(Random& random, const Table& table) {
  Operation operation = draw_insert(random, table, 1);
  if (table.deferrable) {
    return operation;
  }
  const std::string set = assignments(random, writable(table, false), 2);
  operation.sql += table.key.empty() || set.empty() || random.chance(50)
                       ? " ON CONFLICT DO NOTHING"
                       : fmt::format(" ON CONFLICT ({}) DO UPDATE SET {}", key_names(table), set);
  operation.what = "upsert";
  return operation;
}

// A key changes, and with it whatever refers to it by ON UPDATE CASCADE.
Operation change_key(Random& random, const Table& table) {
  std::vector<const Column*> columns;
  for (const std::size_t position : table.key) {
    const Column& column = table.columns[position];
    if (!column.always && column.fill != Fill::server) {
      columns.push_back(&column);
    }
  }
  if (columns.empty()) {
    return upsert(random, table);
  }
  const std::string set = assignments(random, columns, 2);
  return {.table = table.name,
          .sql = fmt::format("UPDATE {} SET {} WHERE {}", target(random, table), set,
                             where_key(random, table)),
          .what = "key update"};
}

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

Operation update(Random& random, const Table& table) {
  const std::string set = assignments(random, writable(table, false), 3);
  if (set.empty()) {
    return change_key(random, table);
  }
  const bool all = random.chance(4);
  const std::string where = all ? "true" : where_key(random, table);
  return {.table = table.name,
          .sql = fmt::format("UPDATE {} SET {} WHERE {}", target(random, table), set, where),
          .what = all ? "update of all rows" : "update"};
}

Operation remove(Random& random, const Table& table) {
  const bool all = random.chance(4);
  const std::string where = all ? "true" : where_key(random, table);
  return {.table = table.name,
          .sql = fmt::format("DELETE FROM {} WHERE {}", target(random, table), where),
          .what = all ? "delete of all rows" : "delete"};
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

// A row is deleted and comes back changed, in one statement.
Operation replace(Random& random, const Table& table) {
  const auto columns = writable(table, true);
  if (columns.empty()) {
    return upsert(random, table);
  }
  return {.table = table.name,
          .sql = fmt::format("WITH gone AS (DELETE FROM {0} WHERE {1} RETURNING {2}) "
                             "INSERT INTO {0} ({2}) SELECT {2} FROM gone",
                             table.name, where_key(random, table), column_names(columns)),
          .what = "delete and insert in one statement"};
}

// Insert, update and delete in one statement.
Operation merge(Random& random, const Table& table) {
  const auto columns = writable(table, true);
  const std::string set = assignments(random, writable(table, false), 2);
  if (columns.empty() || set.empty()) {
    return upsert(random, table);
  }
  return {.table = table.name,
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

// What only a part of all tables allows; nothing where this one does not.
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
  if (kind < 170) {
    return lock_rows(random, table);
  }
  if (kind < 210 && schema.since >= 15 && !table.key.empty()) {
    return merge(random, table);
  }
  return std::nullopt;
}

Operation draw_operation(Random& random, const Schema& schema) {
  if (!schema.sequences.empty() && random.chance(5)) {
    const std::string& definition = random.pick(schema.sequences);
    const std::string name = definition.substr(0, definition.rfind('"') + 1);
    return {.table = {},
            .sql = fmt::format("SELECT nextval({}::regclass)", postgres::quote_literal(name)),
            .what = "nextval alone"};
  }
  const Table& table = random.pick(schema.tables);
  if (std::optional<Operation> special = draw_special(random, schema, table)) {
    return *std::move(special);
  }
  const int kind = random.below(850);
  if (kind < 250) {
    return draw_insert(random, table, 4);
  }
  if (kind < 400) {
    return upsert(random, table);
  }
  if (kind < 570) {
    return update(random, table);
  }
  if (kind < 670 && !table.key.empty()) {
    return change_key(random, table);
  }
  return kind < 710 ? replace(random, table) : remove(random, table);
}

}  // namespace

Operation draw_insert(Random& random, const Table& table, int most_rows) {
  const auto columns = writable(table, true);
  if (columns.empty()) {
    return {.table = table.name,
            .sql = fmt::format("INSERT INTO {} DEFAULT VALUES", table.name),
            .what = "insert"};
  }
  std::string rows;
  for (int i = random.between(1, most_rows); i > 0; --i) {
    rows += (rows.empty() ? "" : ", ") + values_row(random, columns);
  }
  return {.table = table.name,
          .sql = fmt::format("INSERT INTO {} ({}) VALUES {}", target(random, table),
                             column_names(columns), rows),
          .what = "insert"};
}

Work draw_work(Random& random, const Schema& schema) {
  static const std::vector<std::string> levels = {"READ COMMITTED", "READ COMMITTED",
                                                  "REPEATABLE READ", "SERIALIZABLE"};
  Work work;
  work.isolation = random.pick(levels);
  work.counts = random.chance(70);
  work.reads_first = random.chance(30);
  work.rolls_back = random.chance(8);
  for (int i = random.between(1, 4); i > 0; --i) {
    work.operations.push_back(draw_operation(random, schema));
    work.operations.back().guarded = random.chance(50);
    work.operations.back().undone = random.chance(8);
  }
  return work;
}

std::vector<std::vector<Work>> draw_workload(Random& random, const Schema& schema,
                                             const WorkloadBounds& bounds) {
  std::vector<std::vector<Work>> writers(static_cast<std::size_t>(bounds.writers));
  for (std::vector<Work>& works : writers) {
    for (int i = 0; i < bounds.transactions; ++i) {
      works.push_back(draw_work(random, schema));
    }
  }
  return writers;
}

std::vector<Operation> draw_fill(Random& random, const Schema& schema) {
  std::vector<Operation> fill;
  for (int round = 0; round < 3; ++round) {
    for (const Table& table : schema.tables) {
      for (int i = 0; i < 5; ++i) {
        fill.push_back(draw_insert(random, table, 3));
      }
    }
  }
  return fill;
}

}  // namespace crossover::test::property
