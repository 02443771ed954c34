#include "seed-verify/seeds.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "seed-verify/seed_rows.h"

namespace crossover::seed_verify {

namespace {

using nlohmann::json;
using postgres::Param;

Param param(const json& value) { return value.is_null() ? Param() : Param(parameter_text(value)); }

std::string key_text(const config::Seeds& seeds, const json& row) {
  std::string text;
  for (const std::string& column : seeds.key) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", column,
                        row[column].is_null() ? "null" : parameter_text(row[column]));
  }
  return text;
}

std::string quoted_table(const std::string& table) {
  const std::size_t dot = table.find('.');
  if (dot == std::string::npos) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to use the seeds of '{}': the table must be written as "
                            "'schema.table'",
                            table));
  }
  return postgres::quote_qualified(table.substr(0, dot), table.substr(dot + 1));
}

/// For each column of the row whether it is as wanted, and its value.
postgres::Statement look_up(const config::Seeds& seeds, const json& row) {
  postgres::Statement statement;
  std::string columns;
  for (const auto& [name, value] : row.items()) {
    const std::string column = postgres::quote_identifier(name);
    statement.params.push_back(param(value));
    columns += fmt::format("{}{} IS NOT DISTINCT FROM ${}, {}::text", columns.empty() ? "" : ", ",
                           column, statement.params.size(), column);
  }
  std::string where;
  for (const std::string& name : seeds.key) {
    statement.params.push_back(param(row[name]));
    where += fmt::format("{}{} IS NOT DISTINCT FROM ${}", where.empty() ? "" : " AND ",
                         postgres::quote_identifier(name), statement.params.size());
  }
  statement.sql =
      fmt::format("SELECT {} FROM {} WHERE {}", columns, quoted_table(seeds.table), where);
  return statement;
}

/// Adds a line for what is wrong with the row; returns whether it is as wanted.
bool compare(const config::Seeds& seeds, const json& row, const postgres::Rows& found,
             cli::Table& table) {
  const auto tell = [&](const std::string& column, const std::string& wanted,
                        const std::string& is) {
    table.rows.push_back({seeds.table, key_text(seeds, row), column, wanted, is});
  };
  if (found.size() != 1) {
    tell("", "one row", found.empty() ? "none" : fmt::format("{} rows", found.size()));
    return false;
  }
  bool same = true;
  std::size_t column = 0;
  for (const auto& [name, value] : row.items()) {
    if (!found.boolean(0, column)) {
      same = false;
      tell(name, value.is_null() ? "null" : parameter_text(value),
           found.value(0, column + 1).value_or("null"));
    }
    column += 2;
  }
  return same;
}

}  // namespace

void check_seeds(cli::TaskContext& context, Connections& connections) {
  const std::vector<config::Seeds>& all = context.config().verify.seeds;
  if (all.empty()) {
    throw Error(ErrorKind::usage, "unable to check the seeds: 'verify.seeds' is missing",
                "name the tables, keys and rows there");
  }
  std::vector<std::vector<json>> wanted;
  for (const config::Seeds& seeds : all) {
    wanted.push_back(seed_rows(seeds));
  }
  postgres::Session session = connections.open(sync::Side::new_side);
  const postgres::Transaction snapshot(session, postgres::one_snapshot);
  cli::Table table{.title = "seeds that are missing or differ",
                   .columns = {"table", "key", "column", "wanted", "found"},
                   .rows = {}};
  for (std::size_t index = 0; index < all.size(); ++index) {
    const config::Seeds& seeds = all[index];
    std::vector<postgres::Statement> statements;
    for (const json& row : wanted[index]) {
      statements.push_back(look_up(seeds, row));
    }
    const std::vector<postgres::Rows> found =
        with_context("seeds of " + seeds.table, [&] { return session.pipeline(statements); });
    std::size_t good = 0;
    for (std::size_t row = 0; row < found.size(); ++row) {
      good += compare(seeds, wanted[index][row], found[row], table) ? 1 : 0;
    }
    context.result().add_check(
        "seeds " + seeds.table,
        good == found.size() ? cli::CheckOutcome::pass : cli::CheckOutcome::fail,
        fmt::format("{} of {} rows are as they must be", good, found.size()));
  }
  if (!table.rows.empty()) {
    context.result().add_table(std::move(table));
  }
}

}  // namespace crossover::seed_verify
