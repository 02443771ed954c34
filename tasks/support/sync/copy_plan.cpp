#include "sync/copy_plan.h"

#include <algorithm>
#include <map>
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

std::set<TableName> truncatable(const std::vector<SyncedTable>& tables,
                                const std::vector<std::pair<TableName, TableName>>& references) {
  std::set<TableName> together;
  std::set<TableName> relations;
  for (const SyncedTable& table : tables) {
    if (table.policy == Policy::replace) {
      together.insert(table.table);
      relations.insert(table.relations.begin(), table.relations.end());
    }
  }
  std::multimap<TableName, TableName> among;  // from the referencing one
  std::vector<TableName> kept;
  for (const auto& [referencing, referenced] : references) {
    if (relations.contains(referencing)) {
      among.emplace(referencing, referenced);
    } else {
      kept.push_back(referenced);
    }
  }
  while (!kept.empty()) {
    const TableName table = std::move(kept.back());
    kept.pop_back();
    if (together.erase(table) > 0) {
      const auto [first, last] = among.equal_range(table);
      std::for_each(first, last, [&](const auto& entry) { kept.push_back(entry.second); });
    }
  }
  return together;
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
