#include "sync/synced_table.h"

#include <set>

#include "postgres/quote.h"

namespace crossover::sync {

std::string TableName::quoted() const { return postgres::quote_qualified(schema, name); }

std::string_view name(Policy policy) {
  switch (policy) {
    case Policy::merge:
      return "merge";
    case Policy::skip:
      return "skip";
    case Policy::replace:
      break;
  }
  return "replace";
}

std::string_view name(Shape shape) {
  switch (shape) {
    case Shape::partitioned:
      return "partitioned";
    case Shape::inheriting:
      return "inheriting";
    case Shape::plain:
      break;
  }
  return "plain";
}

std::string SyncedTable::only() const {
  return (shape == Shape::partitioned ? "" : "ONLY ") + table.quoted();
}

std::string KeyType::column_type() const {
  return collation.empty() ? type : type + " COLLATE " + collation;
}

std::vector<std::string> relation_names(const std::vector<SyncedTable>& tables) {
  std::vector<std::string> names;
  for (const SyncedTable& table : tables) {
    for (const TableName& relation : table.relations) {
      names.push_back(relation.quoted());
    }
  }
  return names;
}

std::vector<std::string> relation_schemas(const std::vector<SyncedTable>& tables) {
  std::set<std::string> schemas;
  for (const SyncedTable& table : tables) {
    for (const TableName& relation : table.relations) {
      schemas.insert(relation.schema);
    }
  }
  return {schemas.begin(), schemas.end()};
}

}  // namespace crossover::sync
