#include "sync/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace crossover::sync {
namespace {

void refuse(Findings& findings, const Table& table, std::string text) {
  findings.push_back({Finding::Level::error, "table " + table.table.text(), std::move(text)});
}

// What this version of the engine can't carry.
void check_table(const Table& table, const config::Sync& settings, Findings& findings) {
  if (table.kind == 'f') {
    refuse(findings, table, "is a foreign table; its rows live elsewhere: set its policy to skip");
  }
  if (table.inherits) {
    refuse(findings, table, "takes part in table inheritance, which can't be carried yet");
  }
  if (table.rules) {
    refuse(findings, table, "has rules, which may write elsewhere than the statement says");
  }
  if (table.row_security) {
    findings.push_back({Finding::Level::warning, "table " + table.table.text(),
                        "has row security: the migration's role must own it or have BYPASSRLS, or "
                        "reading it fails"});
  }
  if (table.persistence == 'u') {
    findings.push_back({Finding::Level::warning, "table " + table.table.text(),
                        "is unlogged: a crash of either server empties it"});
  }
  if (row_identity(table).empty() &&
      table.bytes > static_cast<std::int64_t>(settings.keyless_limit)) {
    refuse(findings, table,
           fmt::format("has no primary key and no unique index over NOT NULL columns, and its {} "
                       "bytes are over sync.keylessLimit ({}): every change would copy it whole",
                       table.bytes, settings.keyless_limit));
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

SyncedTable synced(const Table& table, Policy policy, int id) {
  SyncedTable result;
  result.id = id;
  result.table = table.table;
  result.policy = policy;
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

}  // namespace

std::vector<SyncedTable> select_tables(const Catalogue& old_side, const config::Sync& settings,
                                       const std::string& history_table, Findings& findings) {
  std::vector<SyncedTable> selected;
  std::map<TableName, std::size_t> index;
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
    index.emplace(name, selected.size());
    selected.push_back(synced(table, policy, static_cast<int>(selected.size()) + 1));
    if (policy == Policy::merge) {
      check_merge(table, selected.back(), findings);
    }
  }
  for (const auto& [name, table] : old_side.tables) {
    if (table.partition && table.root && index.contains(*table.root)) {
      check_table(table, settings, findings);
      selected[index.at(*table.root)].relations.push_back(name);
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
