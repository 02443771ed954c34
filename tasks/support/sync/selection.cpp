#include "sync/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace crossover::sync {
namespace {

void refuse(Findings& findings, const Table& table, std::string text) {
  findings.push_back({Finding::Level::error, "table " + table.table.text(), std::move(text)});
}

// row_identity() leaves out what the triggers of a partitioned table are not always shown.
std::string_view why_keyless(const Table& table) {
  const bool generated = std::any_of(
      table.unique_indexes.begin(), table.unique_indexes.end(), [&](const UniqueIndex& index) {
        return std::any_of(index.columns.begin(), index.columns.end(),
                           [&](const auto& name) { return table.column(name)->generated != ' '; });
      });
  return table.kind == 'p' && generated
             ? "has a generated column in its key, which PostgreSQL does not always show to the "
               "triggers of a partitioned table"
             : "has no primary key and no unique index over NOT NULL columns";
}

// What this version of the engine can't carry.
void check_table(const Table& table, const config::Sync& settings, Findings& findings) {
  if (table.kind == 'f') {
    refuse(findings, table, "is a foreign table; its rows live elsewhere: set its policy to skip");
  }
  for (const std::string& interferer : table.interferers) {
    refuse(findings, table, interference(interferer, "old"));
  }
  if (table.persistence == 'u') {
    findings.push_back({Finding::Level::warning, "table " + table.table.text(),
                        "is unlogged: a crash of either server empties it"});
  }
  if (row_identity(table).empty() &&
      table.bytes > static_cast<std::int64_t>(settings.keyless_limit)) {
    refuse(findings, table,
           fmt::format("{}, and its {} bytes are over sync.keylessLimit ({}): every change would "
                       "copy it whole",
                       why_keyless(table), table.bytes, settings.keyless_limit));
  }
}

void check_merge(const Table& table, const SyncedTable& selected, Findings& findings) {
  if (selected.keyless()) {
    refuse(findings, table, "has no key, so its rows can't be merged");
  }
  for (const std::string& name : selected.key) {
    if (table.column(name)->generated != ' ') {
      refuse(findings, table,
             fmt::format("has the generated column '{}' in its key, so its rows can't be merged",
                         name));
    }
  }
}

// By which its rows are looked for on the other side.
void check_natural_key(const Table& table, const config::Sync& settings, Findings& findings) {
  for (const std::string& name : settings.policy_of(table.table.text()).key) {
    if (table.column(name) == nullptr) {
      refuse(findings, table,
             fmt::format("has no column '{}', which its key in sync.tables names", name));
    }
  }
}

/// Where the tables stand among those selected.
using Places = std::map<TableName, std::size_t>;

// Whose statements change the table's rows too, and whose rows are seen through it.
void check_relatives(const Table& table, const Catalogue& catalogue, const Places& places,
                     Findings& findings) {
  for (const TableName& parent : table.parents) {
    if (!table.partition && !places.contains(parent)) {
      refuse(findings, table,
             fmt::format("inherits from {}, which is not carried: statements that name that one "
                         "would pass this one's gate; carry both or neither",
                         parent.text()));
    }
  }
  for (const TableName& child : table.children) {
    if (!catalogue.tables.contains(child)) {
      refuse(findings, table,
             fmt::format("has the {} {}, whose schema is not in sync.schemas",
                         table.kind == 'p' ? "partition" : "child table", child.text()));
    }
  }
}

Shape shape_of(const Table& table) {
  if (table.kind == 'p') {
    return Shape::partitioned;
  }
  return table.inherits() ? Shape::inheriting : Shape::plain;
}

SyncedTable synced(const Table& table, Policy policy, int id) {
  SyncedTable result;
  result.id = id;
  result.table = table.table;
  result.policy = policy;
  result.shape = shape_of(table);
  result.key = row_identity(table);
  for (const std::string& name : result.key) {
    const Column& column = *table.column(name);
    result.key_types.push_back({column.type, column.collation, column.equals});
  }
  for (const Column& column : table.columns) {
    if (column.generated == ' ') {
      result.columns.push_back(column.name);
      result.types.push_back(column.type);
    }
  }
  result.relations.push_back(table.table);
  return result;
}

// A partition follows its root, skipped with it.
void add_partition(const Table& table, const Catalogue& catalogue, const config::Sync& settings,
                   const Places& places, std::vector<SyncedTable>& selected, Findings& findings) {
  if (!table.root) {
    return;
  }
  if (const auto root = places.find(*table.root); root != places.end()) {
    check_table(table, settings, findings);
    check_relatives(table, catalogue, places, findings);
    selected[root->second].relations.push_back(table.table);
  } else if (!catalogue.tables.contains(*table.root)) {
    refuse(findings, table,
           fmt::format("is a partition of {}, whose schema is not in sync.schemas",
                       table.root->text()));
  }
}

}  // namespace

std::vector<SyncedTable> select_tables(const Catalogue& old_side, const config::Sync& settings,
                                       const std::string& history_table, Findings& findings) {
  std::vector<SyncedTable> selected;
  Places places;
  std::set<std::string> known;
  for (const auto& [name, table] : old_side.tables) {
    known.insert(name.text());
    const Policy policy =
        name.text() == history_table ? Policy::skip : settings.policy_of(name.text()).policy;
    if (table.partition || policy == Policy::skip) {
      continue;
    }
    if (table.extension_owned) {
      findings.push_back({Finding::Level::warning, "table " + name.text(),
                          "belongs to an extension and is not carried"});
      continue;
    }
    check_table(table, settings, findings);
    check_natural_key(table, settings, findings);
    places.emplace(name, selected.size());
    selected.push_back(synced(table, policy, static_cast<int>(selected.size()) + 1));
    if (policy == Policy::merge) {
      check_merge(table, selected.back(), findings);
    }
  }
  for (const auto& [name, table] : old_side.tables) {
    if (table.partition) {
      add_partition(table, old_side, settings, places, selected, findings);
    } else if (places.contains(name)) {
      check_relatives(table, old_side, places, findings);
    }
  }
  for (const auto& [name, policy] : settings.tables) {
    if (!known.contains(name) && name != history_table) {
      findings.push_back({Finding::Level::error, "table " + name,
                          "is named in sync.tables but does not exist in the old database"});
    }
  }
  return selected;
}

bool refuses(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.level == Finding::Level::error || finding.level == Finding::Level::question;
  });
}

}  // namespace crossover::sync
