#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "integration/property/special_operations.h"
#include "integration/property/statement_parts.h"
#include "integration/property/workload.h"
#include "postgres/quote.h"

namespace crossover::test::property {
namespace {

using postgres::quote_identifier;

// PostgreSQL takes no ON CONFLICT for a deferrable constraint, nor where there are rules.
Operation upsert(Random& random, const Table& table) {
  Operation operation = draw_insert(random, table, 1);
  if (table.deferrable || !table.rules.empty()) {
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

// A row is deleted and comes back changed, in one statement.
Operation replace(Random& random, const Table& table) {
  const auto columns = writable(table, true);
  if (columns.empty() || !table.rules.empty()) {
    return upsert(random, table);
  }
  return {.table = table.name,
          .sql = fmt::format("WITH gone AS (DELETE FROM {0} WHERE {1} RETURNING {2}) "
                             "INSERT INTO {0} ({2}) SELECT {2} FROM gone",
                             table.name, where_key(random, table), column_names(columns)),
          .what = "delete and insert in one statement"};
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
          .sql = fmt::format("INSERT INTO {} ({}) VALUES {}",
                             !table.view.empty() && random.chance(50) ? table.view : table.name,
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
  work.asynchronous = !work.counts && random.chance(50);
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
