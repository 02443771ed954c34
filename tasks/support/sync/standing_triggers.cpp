#include "sync/standing_triggers.h"

#include <algorithm>
#include <string>

#include "sync/array.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

std::vector<TableName> relations_with_triggers(Session& session, std::string_view prefix) {
  const Rows rows = session.query(
      "SELECT DISTINCT n.nspname, c.relname FROM pg_catalog.pg_trigger t "
      "JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid "
      "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "WHERE NOT t.tgisinternal AND starts_with(t.tgname::text, $1) ORDER BY 1, 2",
      {std::string(prefix)});
  std::vector<TableName> relations;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    relations.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
  }
  return relations;
}

}  // namespace

std::vector<SyncedTable> tables_with_triggers(Session& session,
                                              const std::vector<SyncedTable>& recorded,
                                              std::string_view prefix) {
  std::vector<TableName> left = relations_with_triggers(session, prefix);
  std::vector<SyncedTable> standing;
  for (const SyncedTable& table : recorded) {
    std::vector<TableName> relations;
    for (const TableName& relation : table.relations) {
      const auto found = std::find(left.begin(), left.end(), relation);
      if (found != left.end()) {
        relations.push_back(relation);
        left.erase(found);
      }
    }
    if (!relations.empty()) {
      standing.push_back(table);
      standing.back().relations = std::move(relations);
    }
  }
  for (TableName& relation : left) {
    SyncedTable& table = standing.emplace_back();
    table.table = relation;
    table.relations = {std::move(relation)};
  }
  return standing;
}

Standing standing_triggers(Session& session, const std::vector<SyncedTable>& tables,
                           std::string_view prefix, int count) {
  const std::vector<std::string> names = relation_names(tables);
  const Rows rows = session.query(
      "SELECT count(*), count(*) FILTER (WHERE triggers = $3::int) FROM "
      "(SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = ANY "
      "(SELECT r::regclass FROM unnest($1::text[]) r) AND starts_with(tgname::text, $2) "
      "GROUP BY tgrelid) AS relation",
      {text_array(names), std::string(prefix), std::to_string(count)});
  if (rows.int64(0, 1) == static_cast<std::int64_t>(names.size())) {
    return Standing::all;
  }
  return rows.int64(0, 0) == 0 ? Standing::none : Standing::part;
}

}  // namespace crossover::sync
