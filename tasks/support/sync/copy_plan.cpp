#include "sync/copy_plan.h"

#include <algorithm>
#include <set>
#include <string>

namespace crossover::sync {
namespace {

bool binary_safe_type(const std::string& type) {
  static const std::set<std::string, std::less<>> safe = {"smallint",
                                                          "integer",
                                                          "bigint",
                                                          "boolean",
                                                          "real",
                                                          "double precision",
                                                          "numeric",
                                                          "text",
                                                          "character varying",
                                                          "character",
                                                          "bytea",
                                                          "uuid",
                                                          "date",
                                                          "time without time zone",
                                                          "timestamp without time zone",
                                                          "timestamp with time zone",
                                                          "interval",
                                                          "json",
                                                          "jsonb",
                                                          "inet"};
  std::string base = type;
  const auto open = base.find('(');
  if (open != std::string::npos) {
    const auto close = base.find(')', open);
    base.erase(open, close - open + 1);
  }
  return safe.contains(base);
}

}  // namespace

std::vector<TableName> truncatable(const std::vector<SyncedTable>& tables,
                                   const std::vector<std::pair<TableName, TableName>>& references) {
  std::set<TableName> set;
  std::set<TableName> all;
  for (const SyncedTable& table : tables) {
    if (table.policy == Policy::replace) {
      set.insert(table.table);
      all.insert(table.relations.begin(), table.relations.end());
    }
  }
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    for (const auto& [referencing, referenced] : references) {
      if (!all.contains(referencing) && set.erase(referenced) > 0) {
        all.erase(referenced);
        shrunk = true;
      }
    }
  }
  return {set.begin(), set.end()};
}

bool binary_safe(const SyncedTable& table) {
  return std::all_of(table.types.begin(), table.types.end(), binary_safe_type);
}

std::vector<PageRange> split(const std::vector<RelationPages>& relations, std::uint64_t pages) {
  std::vector<PageRange> ranges;
  for (const RelationPages& relation : relations) {
    std::uint64_t first = 0;
    while (relation.pages - first > pages + pages / 2) {
      ranges.push_back({relation.relation, first, first + pages});
      first += pages;
    }
    ranges.push_back({relation.relation, first, std::nullopt});
  }
  return ranges;
}

}  // namespace crossover::sync
