#include "sync/copy_plan.h"

#include <algorithm>
#include <iterator>
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

namespace {

using Related = std::multimap<TableName, TableName>;

// Both ways, of the tables themselves: a partition stands for its root.
Related related_tables(const std::vector<SyncedTable>& synced,
                       const std::vector<std::pair<TableName, TableName>>& references) {
  std::map<TableName, TableName> table_of;
  for (const SyncedTable& table : synced) {
    for (const TableName& relation : table.relations) {
      table_of.emplace(relation, table.table);
    }
  }
  Related related;
  for (const auto& [referencing, referenced] : references) {
    const auto from = table_of.find(referencing);
    const auto to = table_of.find(referenced);
    if (from != table_of.end() && to != table_of.end()) {
      related.emplace(from->second, to->second);
      related.emplace(to->second, from->second);
    }
  }
  return related;
}

// Takes `table` and all that hang together with it out of `left`.
std::vector<TableName> take_connected(TableName table, const Related& related,
                                      std::set<TableName>& left) {
  std::vector<TableName> taken;
  std::vector<TableName> next = {std::move(table)};
  while (!next.empty()) {
    const TableName one = std::move(next.back());
    next.pop_back();
    if (left.erase(one) > 0) {
      taken.push_back(one);
      const auto [first, last] = related.equal_range(one);
      std::for_each(first, last, [&](const auto& entry) { next.push_back(entry.second); });
    }
  }
  return taken;
}

}  // namespace

std::vector<std::vector<TableName>> truncation_groups(
    const std::set<TableName>& tables, const std::vector<SyncedTable>& synced,
    const std::vector<std::pair<TableName, TableName>>& references, std::size_t most) {
  const Related related = related_tables(synced, references);
  std::vector<std::vector<TableName>> groups;
  for (std::set<TableName> left = tables; !left.empty();) {
    std::vector<TableName> connected = take_connected(*left.begin(), related, left);
    if (groups.empty() || groups.back().size() + connected.size() > most) {
      groups.emplace_back();
    }
    std::move(connected.begin(), connected.end(), std::back_inserter(groups.back()));
  }
  return groups;
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
