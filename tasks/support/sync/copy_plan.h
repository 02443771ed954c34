#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "sync/synced_table.h"

namespace crossover::sync {

/// The decisions of a copy. Pure.

/// The tables among `tables` that TRUNCATE may empty in one statement: `replace` tables that no
/// table outside of the set references. `references` are (referencing, referenced) pairs of the
/// whole database.
std::set<TableName> truncatable(const std::vector<SyncedTable>& tables,
                                const std::vector<std::pair<TableName, TableName>>& references);

/// The same tables in groups of at most `most`, each of which TRUNCATE may empty by itself: tables
/// that reference each other are together, and by themselves where they are more.
std::vector<std::vector<TableName>> truncation_groups(
    const std::set<TableName>& tables, const std::vector<SyncedTable>& synced,
    const std::vector<std::pair<TableName, TableName>>& references, std::size_t most);

/// Whether all columns' types have one binary form in PostgreSQL 12 to 18, so that COPY may use it.
bool binary_safe(const SyncedTable& table);

/// A relation that holds rows itself, and its size in pages of 8 KiB.
struct RelationPages {
  TableName relation;
  std::uint64_t pages = 0;
};

/// The rows of `relation` from page `first` to before page `end`, or to the relation's end.
struct PageRange {
  TableName relation;
  std::uint64_t first = 0;
  std::optional<std::uint64_t> end;

  /// The relation as a whole.
  bool whole() const { return first == 0 && !end; }
  bool operator==(const PageRange&) const = default;
};

/// Cuts relations into ranges of about `pages` pages. The last range of each is open: whatever was
/// added since the size was looked at belongs to it.
std::vector<PageRange> split(const std::vector<RelationPages>& relations, std::uint64_t pages);

}  // namespace crossover::sync
