#include "sync/fingerprint.h"

#include <fmt/format.h>

#include <set>
#include <sstream>

#include "postgres/quote.h"

namespace crossover::sync {
namespace {

// Identifiers are shown by oid where the name costs a lookup and is not needed for a message.
std::string lines_sql(const std::vector<SyncedTable>& tables) {
  std::string list;
  for (const std::string& schema : relation_schemas(tables)) {
    list += (list.empty() ? "" : ", ") + postgres::quote_literal(schema);
  }
  return fmt::format(R"(
    WITH relation AS MATERIALIZED (
      SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relpersistence
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname IN ({}) AND c.relkind IN ('r', 'p', 'f'))
    SELECT concat('table ', name, ' ', relkind, relpersistence, ' ', oid) AS line FROM relation
    UNION ALL
    SELECT concat('column ', name, '.', attname, ' ', format_type(atttypid, atttypmod), ' ',
                  attnotnull, attidentity, attgenerated)
    FROM relation JOIN pg_attribute ON attrelid = oid WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT concat('constraint ', name, '.', conname, ' ', contype, ' ', conkey, ' ', confrelid,
                  confkey)
    FROM relation JOIN pg_constraint k ON conrelid = relation.oid
    WHERE contype IN ('p', 'u', 'f', 'x')
    UNION ALL
    SELECT concat('child ', name, ' of ', inhparent)
    FROM relation JOIN pg_inherits ON inhrelid = oid
    UNION ALL
    SELECT concat('partition ', inhrelid, ' of ', name)
    FROM relation JOIN pg_inherits ON inhparent = oid WHERE relkind = 'p'
    UNION ALL
    SELECT concat('trigger ', name, '.', tgname, ' ', tgenabled)
    FROM relation JOIN pg_trigger t ON tgrelid = relation.oid
    WHERE NOT tgisinternal AND starts_with(tgname::text, 'crossover_capture_'))",
                     list.empty() ? "''" : list);
}

std::set<std::string> split(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.insert(line);
  }
  return lines;
}

}  // namespace

std::string fingerprint_sql(const std::vector<SyncedTable>& tables) {
  return fmt::format(
      "SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "
      "\"C\"), "
      "''), 'UTF8')), 'hex') FROM ({}) AS lines",
      lines_sql(tables));
}

std::string schema_lines(postgres::Session& session, const std::vector<SyncedTable>& tables) {
  const postgres::Rows rows =
      session.query(fmt::format("SELECT coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "
                                "\"C\"), '') FROM ({}) AS lines",
                                lines_sql(tables)));
  return std::string(rows.text(0, 0));
}

std::vector<std::string> schema_difference(const std::string& before, const std::string& after,
                                           std::size_t most) {
  const std::set<std::string> old_lines = split(before);
  const std::set<std::string> new_lines = split(after);
  std::vector<std::string> difference;
  for (const std::string& line : old_lines) {
    if (!new_lines.contains(line) && difference.size() < most) {
      difference.push_back("- " + line);
    }
  }
  for (const std::string& line : new_lines) {
    if (!old_lines.contains(line) && difference.size() < most) {
      difference.push_back("+ " + line);
    }
  }
  return difference;
}

}  // namespace crossover::sync
