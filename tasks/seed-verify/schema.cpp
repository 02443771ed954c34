#include "seed-verify/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "sync/compare.h"
#include "sync/selection.h"
#include "sync/spelling.h"

namespace crossover::seed_verify {

namespace {

using cli::CheckOutcome;
using sync::Finding;

CheckOutcome outcome_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::error:
      return CheckOutcome::fail;
    case Finding::Level::warning:
      return CheckOutcome::warn;
    default:
      return CheckOutcome::skip;
  }
}

/// Names of the migrations in the folders that a local Flyway reads.
std::vector<std::string> migration_scripts(const std::vector<std::string>& folders) {
  std::vector<std::string> scripts;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator entry(folder, error), end;
         !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (name.ends_with(".sql") && (name.starts_with('V') || name.starts_with('R'))) {
        scripts.push_back(name);
      }
    }
    if (error) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to read '{}': {}", folder, error.message()),
                  "provision.flyway.locations names it");
    }
  }
  return scripts;
}

bool has_run(const flyway::History& history, const std::string& script) {
  return std::ranges::any_of(history, [&](const flyway::Migration& migration) {
    // Flyway keeps the path below the location.
    return migration.script == script || migration.script.ends_with("/" + script);
  });
}

}  // namespace

void tell_structure(const sync::Catalogue& old_side, const sync::Findings& findings,
                    const std::vector<std::string>& tables, cli::Result& result) {
  std::set<std::string> failed;
  for (const Finding& finding : findings) {
    // Questions and notes are the preflight's business.
    if (finding.level == Finding::Level::error || finding.level == Finding::Level::warning) {
      result.add_check(finding.object, outcome_of(finding.level), finding.text);
    }
    if (finding.level == Finding::Level::error) {
      failed.insert(finding.object);
    }
  }
  for (const auto& [name, table] : old_side.tables) {
    const std::string object = "table " + name.text();
    if (!failed.contains(object) && std::ranges::find(tables, name.text()) != tables.end()) {
      result.add_check(object, CheckOutcome::pass,
                       fmt::format("{} columns, {} constraints", table.columns.size(),
                                   table.constraints.size()));
    }
  }
}

std::vector<std::string> new_tables(const sync::Catalogue& old_side,
                                    const sync::Catalogue& new_side,
                                    const std::string& history_table) {
  std::vector<std::string> names;
  for (const auto& [name, table] : new_side.tables) {
    if (!old_side.tables.contains(name) && name.text() != history_table) {
      names.push_back(name.text());
    }
  }
  return names;
}

void tell_history(const std::optional<flyway::History>& history,
                  const std::vector<std::string>& scripts, cli::Result& result) {
  if (!history) {
    result.add_check("flyway", CheckOutcome::fail, "its history is not there");
    return;
  }
  bool good = true;
  for (const flyway::Migration& migration : *history) {
    if (!migration.success) {
      good = false;
      result.add_check("migration " + migration.script, CheckOutcome::fail, "it has failed");
    }
  }
  for (const std::string& script : scripts) {
    if (!has_run(*history, script)) {
      good = false;
      result.add_check("migration " + script, CheckOutcome::fail, "it has not run");
    }
  }
  const std::string newest = flyway::newest_version(*history);
  result.set_report("flyway_version", newest);
  if (good) {
    result.add_check("flyway", CheckOutcome::pass,
                     fmt::format("{} migrations, newest version {}", history->size(), newest));
  }
}

void check_schema(cli::TaskContext& context, Connections& connections) {
  const config::Migration& config = context.config();
  const config::Flyway& flyway = config.provision.flyway;
  const std::string history_table = flyway.schema + "." + flyway.history_table;
  postgres::Session old_db = connections.open(sync::Side::old_side);
  postgres::Session new_db = connections.open(sync::Side::new_side);
  const sync::Catalogue old_side = sync::read_catalogue(old_db, config.sync.schemas);
  sync::Catalogue new_side = sync::read_catalogue(new_db, config.sync.schemas);
  sync::match_spelling(old_db, old_side, new_db, new_side);
  sync::Findings findings;
  const std::vector<sync::SyncedTable> tables =
      sync::select_tables(old_side, config.sync, history_table, findings);
  const sync::Findings more = sync::compare_structure(old_side, new_side, tables);
  findings.insert(findings.end(), more.begin(), more.end());
  std::vector<std::string> names;
  for (const sync::SyncedTable& table : tables) {
    names.push_back(table.table.text());
  }
  if (names.empty()) {
    context.result().add_check("tables", CheckOutcome::fail,
                               "the old database has none in the schemas of 'sync.schemas'");
  }
  tell_structure(old_side, findings, names, context.result());
  for (const std::string& name : new_tables(old_side, new_side, history_table)) {
    context.result().add_check("table " + name, CheckOutcome::warn, "only the new database has it");
  }
  if (flyway.runner != config::FlywayRunner::none) {
    tell_history(flyway::read_history(new_db, flyway), migration_scripts(flyway.locations),
                 context.result());
  }
}

}  // namespace crossover::seed_verify
