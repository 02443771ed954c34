#include "data-sync/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data-sync/client_list.h"
#include "data-sync/seed_report.h"
#include "digest/sha256.h"
#include "postgres/server_identity.h"
#include "sync/compare.h"
#include "sync/lock_space.h"
#include "sync/rights.h"
#include "sync/selection.h"
#include "sync/spelling.h"

namespace crossover::data_sync {
namespace {

using sync::Finding;
using sync::Findings;

void append(Findings& findings, Findings more) {
  std::move(more.begin(), more.end(), std::back_inserter(findings));
}

std::string schema_hash(const sync::Catalogue& catalogue,
                        const std::vector<sync::SyncedTable>& tables) {
  std::string text;
  for (const sync::SyncedTable& synced : tables) {
    const sync::Table& table = catalogue.tables.at(synced.table);
    text += fmt::format("table {}\n", synced.table.text());
    for (const sync::Column& column : table.columns) {
      text += fmt::format("{} {} {}{}{}\n", column.name, column.type, column.not_null,
                          column.identity, column.generated);
    }
    for (const sync::TableName& parent : table.parents) {
      text += fmt::format("inherits {}\n", parent.text());
    }
    for (const sync::Constraint& constraint : table.constraints) {
      text += constraint.definition + "\n";
    }
  }
  return digest::sha256(text);
}

void list_tables(const Run& run, const Survey& survey) {
  cli::Table table{.title = "Tables",
                   .columns = {"table", "policy", "key", "rows (estimate)", "MiB"},
                   .rows = {}};
  std::int64_t bytes = 0;
  for (const sync::SyncedTable& synced : survey.tables) {
    std::int64_t rows = 0;
    std::int64_t size = 0;
    for (const sync::TableName& relation : synced.relations) {
      const sync::Table& part = survey.old_side.tables.at(relation);
      rows += part.kind == 'p' ? 0 : part.estimated_rows;
      size += part.bytes;
    }
    bytes += size;
    table.rows.push_back(
        {synced.table.text(), std::string(sync::name(synced.policy)),
         synced.keyless() ? "(none)" : fmt::format("{}", fmt::join(synced.key, ", ")),
         std::to_string(rows), fmt::format("{:.1f}", static_cast<double>(size) / 1048576)});
  }
  run.context().result().add_table(std::move(table));
  run.context().result().set_metric("tables", static_cast<std::int64_t>(survey.tables.size()));
  run.context().result().set_metric("source_bytes", bytes);
}

// The sequences that a switch reads or sets.
std::vector<sync::TableName> paired_sequences(const sync::Catalogue& here,
                                              const sync::Catalogue& there) {
  std::vector<sync::TableName> names;
  for (const auto& [name, sequence] : here.sequences) {
    if (sync::counterpart(sequence, there) != nullptr) {
      names.push_back(name);
    }
  }
  return names;
}

// Who lacks rights can't count all locks.
void look_at_server(postgres::Session& session, std::string_view side, const sync::Catalogue& here,
                    const sync::Catalogue& there, Survey& survey) {
  Findings rights = sync::check_rights(session, side, survey.tables, paired_sequences(here, there));
  if (!sync::refuses(rights)) {
    append(survey.findings,
           sync::check_lock_space(sync::read_lock_space(session, survey.tables), side));
  }
  append(survey.findings, std::move(rights));
}

}  // namespace

Survey survey(const Run& run) {
  const config::Sync& settings = run.config().sync;
  Survey survey;
  postgres::Session old_session = run.at(sync::Side::old_side).open("preflight");
  postgres::Session new_session = run.at(sync::Side::new_side).open("preflight");
  const postgres::ServerIdentity old_identity = postgres::server_identity(old_session);
  const postgres::ServerIdentity new_identity = postgres::server_identity(new_session);
  survey.old_system = old_identity.system_identifier;
  survey.new_system = new_identity.system_identifier;
  survey.old_side = sync::read_catalogue(old_session, settings.schemas);
  survey.new_side = sync::read_catalogue(new_session, settings.schemas);
  if (survey.old_system == survey.new_system &&
      survey.old_side.database == survey.new_side.database) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to move '{}' to '{}': both are the same database",
                            run.at(sync::Side::old_side).describe(),
                            run.at(sync::Side::new_side).describe()),
                "correct databases.old and databases.new in crossover.yaml");
  }
  sync::match_spelling(old_session, survey.old_side, new_session, survey.new_side);
  survey.tables =
      sync::select_tables(survey.old_side, settings, run.history_table(), survey.findings);
  append(survey.findings, sync::compare_structure(survey.old_side, survey.new_side, survey.tables));
  append(survey.findings, sync::check_database(survey.old_side, "old"));
  append(survey.findings, sync::check_database(survey.new_side, "new"));
  look_at_server(old_session, "old", survey.old_side, survey.new_side, survey);
  look_at_server(new_session, "new", survey.new_side, survey.old_side, survey);
  survey.schema_sha256 = schema_hash(survey.old_side, survey.tables);
  return survey;
}

void report_findings(const Run& run, const Findings& findings) {
  std::size_t errors = 0;
  std::string first;
  for (const Finding& finding : findings) {
    const bool refusing =
        finding.level == Finding::Level::error || finding.level == Finding::Level::question;
    run.context().result().add_check(finding.object,
                                     refusing ? cli::CheckOutcome::fail
                                     : finding.level == Finding::Level::warning
                                         ? cli::CheckOutcome::warn
                                         : cli::CheckOutcome::pass,
                                     finding.text);
    if (refusing && errors++ == 0) {
      first = fmt::format("{} {}", finding.object, finding.text);
    }
  }
  if (errors > 0) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to move the data of '{}': {}{}", run.config().name, first,
                            errors > 1 ? fmt::format(" (and {} more)", errors - 1) : ""),
                "every failed check of `data-sync preflight` must be mended or answered in "
                "crossover.yaml");
  }
}

void preflight(const Run& run) {
  run.require_own({sync::Side::old_side, sync::Side::new_side});
  Survey found = survey(run);
  list_tables(run, found);
  append(found.findings, list_clients(run));
  report_findings(run, found.findings);
  require_no_seed_conflicts(run, found, sync::Direction::forward);
}

}  // namespace crossover::data_sync
