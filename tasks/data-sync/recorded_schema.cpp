#include "data-sync/recorded_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>

#include "base/error.h"
#include "postgres/sqlstate.h"
#include "sync/position.h"
#include "sync/selection.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;
using sync::SyncedTable;
using sync::TableName;

// All of them, whatever their policies: those are compared when the run is planned.
std::map<TableName, SyncedTable> present_tables(postgres::Session& source,
                                                const std::vector<std::string>& schemas) {
  sync::Findings ignored;
  std::map<TableName, SyncedTable> present;
  for (SyncedTable& table :
       sync::select_tables(sync::read_catalogue(source, schemas), {}, "", ignored)) {
    present.emplace(table.table, std::move(table));
  }
  return present;
}

std::string difference(const SyncedTable& before, const SyncedTable& now) {
  const auto differs = [](std::string_view what, const auto& recorded, const auto& found) {
    return fmt::format("has the {} ({}), not ({})", what, fmt::join(found, ", "),
                       fmt::join(recorded, ", "));
  };
  // The other side may have them in another order.
  if (std::multiset(before.columns.begin(), before.columns.end()) !=
      std::multiset(now.columns.begin(), now.columns.end())) {
    return differs("columns", before.columns, now.columns);
  }
  if (before.key != now.key) {
    return differs("key", before.key, now.key);
  }
  const std::set<TableName> recorded(before.relations.begin(), before.relations.end());
  const std::set<TableName> found(now.relations.begin(), now.relations.end());
  return recorded == found ? "" : "has other partitions";
}

std::vector<std::string> schema_differences(const Run& run, postgres::Session& source,
                                            Direction direction,
                                            const std::vector<SyncedTable>& recorded) {
  const config::Sync& settings = run.config().sync;
  auto present = present_tables(source, settings.schemas);
  std::vector<std::string> differences;
  const auto add = [&](const TableName& table, const std::string& text) {
    if (!text.empty()) {
      differences.push_back(fmt::format("table {} {}", table.text(), text));
    }
  };
  for (const SyncedTable& table : recorded) {
    const auto found = present.find(table.table);
    add(table.table, found == present.end() ? "is gone" : difference(table, found->second));
    present.erase(table.table);
  }
  for (const auto& [name, table] : present) {
    if (direction == Direction::forward && name.text() != run.history_table() &&
        settings.policy_of(name.text()).policy != sync::Policy::skip) {
      add(name, "is new");
    }
  }
  return differences;
}

}  // namespace

namespace {

constexpr std::string_view begin_again =
    "undo the change, or run `data-sync abort` and begin again with both schemas equal";
constexpr std::string_view end_of_rollback =
    "rolling back has ended with this change: run `data-sync finish`";
constexpr std::string_view way_home =
    "the data goes home by a migration of its own: end this one by `data-sync remove "
    "--open-closed-side`, make both schemas equal, and begin another, whose old database is this "
    "one's new";

// From a source that has another schema by now.
std::string_view way_on(postgres::Session& source, Direction direction) {
  if (direction == Direction::forward) {
    return begin_again;
  }
  const auto migration = sync::read_migration(source);
  return migration && migration->phase == sync::finished_phase ? way_home : end_of_rollback;
}

// Flyway's newest, where it migrates that database; empty where it does not.
std::string newest_migration(const Run& run, postgres::Session& session) {
  const auto& flyway = run.config().provision.flyway;
  const std::string history = TableName{flyway.schema, flyway.history_table}.quoted();
  if (session.query("SELECT to_regclass($1) IS NULL", {history}).boolean(0, 0)) {
    return {};
  }
  const postgres::Rows rows = session.query(
      fmt::format("SELECT coalesce(version, 'repeatable'), description FROM {} WHERE success "
                  "ORDER BY installed_rank DESC LIMIT 1",
                  history));
  return rows.empty() ? std::string() : fmt::format("{} '{}'", rows.text(0, 0), rows.text(0, 1));
}

// With both ends looked at anew: what failed has left its transactions.
void explain_end_of_rollback(const Run& run, const Error& error) {
  postgres::Session source = run.at(Side::new_side).open("schema");
  postgres::Session target = run.at(Side::old_side).open("schema");
  if (!sync::schema_has_changed(source, target, Direction::reverse, sync::read_tables(target))) {
    return;
  }
  if (const std::string newest = newest_migration(run, source); !newest.empty()) {
    Error explained = error;
    throw explained.set_hint(
        fmt::format("{}; the newest migration there is {}", error.hint(), newest));
  }
}

// SQLSTATE classes: 42 names something that is not there, 23 is refused by a constraint.
void explain_refusal(const Run& run, Direction direction, const Error& error) {
  const std::string_view side = sync::name(sync::target(direction));
  postgres::Session target = run.at(sync::target(direction)).open("schema");
  const auto differences =
      schema_differences(run, target, Direction::reverse, sync::read_tables(target));
  if (!differences.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to carry changes to the {} database: its schema has changed "
                            "since its tables were recorded: {}",
                            side, fmt::join(differences, "; ")),
                std::string(begin_again))
        .set_sqlstate(error.sqlstate());
  }
  Error explained = error;
  throw explained.set_hint(fmt::format(
      "does the schema of the {} database refuse since a change what the {} one has? {}", side,
      sync::name(sync::source(direction)), begin_again));
}

}  // namespace

void explain_by_schema(const Run& run, Direction direction, const Error& error) {
  if (error.kind() == ErrorKind::precondition && direction == Direction::reverse) {
    explain_end_of_rollback(run, error);
  } else if (error.sqlstate() != postgres::sqlstate::not_permitted &&
             (error.sqlstate().starts_with("42") || error.sqlstate().starts_with("23"))) {
    explain_refusal(run, direction, error);
  }
}

void require_planned_schema(const Run& run, const std::vector<SyncedTable>& planned) {
  postgres::Session source = run.at(Side::old_side).open("start");
  if (sync::read_migration(source)) {
    return;
  }
  const auto differences = schema_differences(run, source, Direction::forward, planned);
  if (!differences.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to start: the schema of the old database has changed since "
                            "this was planned: {}",
                            fmt::join(differences, "; ")),
                "run the same command again");
  }
}

void require_recorded_schema(const Run& run, postgres::Session& source, Direction direction,
                             const std::vector<SyncedTable>& recorded) {
  const auto differences = schema_differences(run, source, direction, recorded);
  if (!differences.empty()) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to carry changes from the {} database: its schema has changed since "
                    "its tables were recorded: {}",
                    sync::name(sync::source(direction)), fmt::join(differences, "; ")),
        std::string(way_on(source, direction)));
  }
}

}  // namespace crossover::data_sync
