#include "sync/changed_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "base/error.h"
#include "postgres/sqlstate.h"
#include "sync/table_sql.h"
#include "sync/transaction_groups.h"

namespace crossover::sync {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;

ChangedTables::ChangedTables(Session& session, Session& beside,
                             const std::vector<SyncedTable>& tables)
    : tables_(tables), session_(session), beside_(beside) {
  if (looks_beside()) {
    beside_.batch(plan_by_log_index);
  }
  for (std::size_t begin = 0; begin < tables_.size(); begin += logs_in_a_statement) {
    const std::size_t end = std::min(begin + logs_in_a_statement, tables_.size());
    names_.push_back(fmt::format("changed_{}", begin));
    (looks_beside() ? beside_ : session_)
        .prepare(names_.back(), changed_tables_sql(tables_, begin, end));
  }
}

std::vector<Statement> ChangedTables::all_statements(const std::string& snapshot) const {
  std::vector<Statement> statements;
  for (const std::string& name : names_) {
    statements.push_back({{}, {snapshot}, name});
  }
  return statements;
}

std::vector<Statement> ChangedTables::statements(const std::string& snapshot) const {
  return looks_beside() ? std::vector<Statement>() : all_statements(snapshot);
}

std::vector<Rows> ChangedTables::ask_beside(const std::string& snapshot, const SourceState& now) {
  std::vector<Statement> statements = all_statements(snapshot);
  statements.insert(statements.begin(), {source_state_sql(), {}, {}});
  std::vector<Rows> answers = run_in_groups(beside_, std::move(statements), 1);
  const SourceState there = source_state(answers.front());
  if (there.system_identifier != now.system_identifier || there.timeline != now.timeline ||
      there.capture != now.capture) {
    Error error(ErrorKind::failure,
                fmt::format("unable to look at the logs of '{}': two sessions have reached "
                            "different servers (timelines {} and {})",
                            session_.options().database, now.timeline, there.timeline),
                "if this comes again, an old primary still answers under this address");
    error.set_sqlstate(std::string(postgres::sqlstate::connection_lost));
    throw error;
  }
  answers.erase(answers.begin());
  return answers;
}

std::vector<const SyncedTable*> ChangedTables::named(const std::vector<Rows>& answers,
                                                     const std::string& snapshot,
                                                     const SourceState& now) {
  std::set<std::int64_t> ids;
  for (const Rows& rows : looks_beside() ? ask_beside(snapshot, now) : answers) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      ids.insert(rows.int64(row, 0));
    }
  }
  std::vector<const SyncedTable*> found;
  for (const SyncedTable& table : tables_) {
    if (ids.contains(table.id)) {
      found.push_back(&table);
    }
  }
  return found;
}

std::vector<const SyncedTable*> ChangedTables::since(const std::string& snapshot) {
  std::vector<Statement> all = statements(snapshot);
  all.insert(all.begin(), {source_state_sql(), {}, {}});
  std::vector<Rows> answers = session_.pipeline(all);
  const SourceState now = source_state(answers.front());
  answers.erase(answers.begin());
  return named(answers, snapshot, now);
}

}  // namespace crossover::sync
