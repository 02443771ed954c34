#include "sync/spelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "postgres/quote.h"

namespace crossover::sync {
namespace {

using postgres::Session;

/// A text with one expression in it: CHECK (...) NOT VALID.
struct Checked {
  std::string before;
  std::string expression;
  std::string after;
};

std::optional<Checked> split_check(const std::string& text) {
  const auto start = text.find("CHECK (");
  const auto end = text.rfind(')');
  if (start == std::string::npos || end == std::string::npos) {
    return std::nullopt;
  }
  const auto first = start + std::string_view("CHECK ").size();
  return Checked{text.substr(0, start), text.substr(first, end + 1 - first), text.substr(end + 1)};
}

/// How one server reads expressions.
class Reader {
 public:
  explicit Reader(Session& session) : session_(session) {}

  /// Whether it takes both for the same. `row` is a select list that has what they refer to.
  bool same(const std::string& row, const std::string& left, const std::string& right) {
    const std::optional<std::string> one = read(row, left);
    return one && one == read(row, right);
  }

  bool same_check(const std::string& row, const std::string& left, const std::string& right) {
    const auto one = split_check(left);
    const auto other = split_check(right);
    return one && other && one->before == other->before && one->after == other->after &&
           same(row, one->expression, other->expression);
  }

 private:
  // OFFSET keeps the planner from computing with the NULLs.
  std::optional<std::string> read(const std::string& row, const std::string& expression) {
    try {
      const postgres::Rows rows = session_.query(
          fmt::format("EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT ({}) FROM (SELECT {} "
                      "OFFSET 0) AS t",
                      expression, row));
      return nlohmann::json::parse(rows.text(0, 0)).at(0).at("Plan").at("Output").dump();
    } catch (const Error&) {
      if (session_.broken()) {
        throw;
      }
      return std::nullopt;  // it has no such function or syntax
    }
  }

  Session& session_;
};

std::string row_of(const Table& table) {
  std::string row;
  for (const Column& column : table.columns) {
    row += fmt::format("{}NULL::{} AS {}", row.empty() ? "" : ", ", column.type,
                       postgres::quote_identifier(column.name));
  }
  return row;
}

void match_columns(Reader& reader, const Table& before, Table& after) {
  for (Column& column : after.columns) {
    const Column* other = before.column(column.name);
    if (other != nullptr && (other->generated == ' ') == (column.generated == ' ') &&
        !other->expression.empty() && !column.expression.empty() &&
        other->expression != column.expression &&
        reader.same(row_of(before), other->expression, column.expression)) {
      column.expression = other->expression;
    }
  }
}

bool has_check(const Table& table, const std::string& definition) {
  return std::any_of(table.constraints.begin(), table.constraints.end(),
                     [&](const Constraint& constraint) {
                       return constraint.type == 'c' && constraint.definition == definition;
                     });
}

void match_checks(Reader& reader, const Table& before, Table& after) {
  for (Constraint& constraint : after.constraints) {
    if (constraint.type != 'c' || has_check(before, constraint.definition)) {
      continue;
    }
    const auto found = std::find_if(
        before.constraints.begin(), before.constraints.end(), [&](const Constraint& other) {
          return other.type == 'c' && !has_check(after, other.definition) &&
                 reader.same_check(row_of(before), other.definition, constraint.definition);
        });
    if (found != before.constraints.end()) {
      constraint.definition = found->definition;
    }
  }
}

// "domain text NOT NULL CHECK (...)" speaks of its VALUE.
void match_domain(Reader& reader, const std::string& before, std::string& after) {
  constexpr std::string_view domain = "domain ";
  const auto parts = split_check(before);
  if (before == after || !parts || !before.starts_with(domain)) {
    return;
  }
  std::string type = parts->before.substr(domain.size());
  if (const auto end = type.rfind(" NOT NULL"); end != std::string::npos) {
    type.resize(end);
  }
  if (reader.same_check(fmt::format("NULL::{} AS value", type), before, after)) {
    after = before;
  }
}

}  // namespace

void match_spelling(Session& old_session, const Catalogue& old_side, Session& new_session,
                    Catalogue& new_side) {
  constexpr int major = 10000;
  if (old_side.server_version / major == new_side.server_version / major) {
    return;
  }
  Reader reader(old_side.server_version < new_side.server_version ? old_session : new_session);
  for (auto& [name, table] : new_side.tables) {
    if (const auto found = old_side.tables.find(name); found != old_side.tables.end()) {
      match_columns(reader, found->second, table);
      match_checks(reader, found->second, table);
    }
  }
  for (auto& [name, definition] : new_side.types) {
    if (const auto found = old_side.types.find(name); found != old_side.types.end()) {
      match_domain(reader, found->second, definition);
    }
  }
}

}  // namespace crossover::sync
