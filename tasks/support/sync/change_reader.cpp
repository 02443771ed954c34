#include "sync/change_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sync/fingerprint.h"
#include "sync/table_sql.h"
#include "sync/transaction_groups.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;

// What is read of the catalogues has no part in plan_by_log_index: without a hash join it would
// grow by the square of the number of tables.
Statement allow_hash_joins(bool allowed) {
  return {"SELECT set_config('enable_hashjoin', $1, true), set_config('enable_seqscan', $1, true)",
          {allowed ? "on" : "off"},
          {}};
}

// One more than is held in memory, to see that there are more.
constexpr std::uint64_t enough_to_stream = most_keys_in_memory + 1;

constexpr auto state_statement = "source_state";

std::string key_statement(const SyncedTable& table) { return fmt::format("keys_{}", table.id); }
std::string row_statement(const SyncedTable& table) { return fmt::format("rows_{}", table.id); }

Statement bounded(Statement statement) {
  statement.bounded = true;
  return statement;
}

// The first, up to most_planned_ahead relations.
void keep_some(std::vector<const SyncedTable*>& tables) {
  std::size_t relations = 0;
  const auto end = std::find_if(tables.begin(), tables.end(), [&](const SyncedTable* table) {
    relations += relation_names({*table}).size();
    return relations > most_planned_ahead;
  });
  tables.erase(end, tables.end());
}

bool contains(const std::vector<const SyncedTable*>& tables, const SyncedTable& table) {
  return std::find(tables.begin(), tables.end(), &table) != tables.end();
}

}  // namespace

const std::string& Since::of(const SyncedTable& table) const {
  const auto found = copy.find(table.id);
  return found == copy.end() ? position : found->second;
}

ChangeReader::ChangeReader(Session session, Session& beside, const std::vector<SyncedTable>& tables)
    : tables_(tables),
      session_(std::move(session)),
      beside_(beside),
      logs_(session_, beside, tables) {
  session_.batch(plan_by_log_index);
  session_.prepare(state_statement, source_state_sql());
}

void ChangeReader::limit_waits(std::string_view set_lock_timeout) {
  session_.batch(set_lock_timeout);
  if (logs_.looks_beside()) {
    beside_.batch(set_lock_timeout);
  }
}

// The statements that read the changes of `tables`.
std::vector<Statement> ChangeReader::changes_of(const std::vector<const SyncedTable*>& tables,
                                                const Since& since) const {
  std::vector<Statement> statements;
  for (const SyncedTable* table : tables) {
    const std::string& snapshot = since.of(*table);
    statements.push_back(
        bounded(prepared_.statement(key_statement(*table), [&] { return logged_keys_sql(*table); },
                                    {snapshot, std::to_string(enough_to_stream)})));
    if (!table->keyless()) {
      statements.push_back(bounded(
          prepared_.statement(row_statement(*table), [&] { return logged_rows_sql(*table); },
                              {snapshot, std::to_string(rows_to_ask(*table))})));
    }
  }
  return statements;
}

std::uint64_t ChangeReader::rows_to_ask(const SyncedTable& table) const {
  const auto width = widths_.find(table.id);
  return width == widths_.end()
             ? enough_to_stream
             : std::clamp<std::uint64_t>(most_bytes_in_memory / width->second, 1, enough_to_stream);
}

std::uint64_t ChangeReader::bytes_left() const {
  std::uint64_t left = most_bytes_in_memory;
  for (const TableBatch& batch : batches_) {
    left -= std::min(left, batch.rows.bytes());
  }
  return left;
}

// What they answered, from `next` on.
void ChangeReader::take_changes(const std::vector<const SyncedTable*>& tables, const Since& since,
                                const std::vector<Rows>& answers, std::size_t next) {
  for (const SyncedTable* table : tables) {
    const Rows& keys = answers.at(next++);
    const Rows rows = table->keyless() ? Rows() : answers.at(next++);
    const std::uint64_t asked = rows_to_ask(*table);
    const bool all = rows.left_out() == 0 && rows.size() < asked;
    if (const std::uint64_t found = std::min<std::uint64_t>(keys.size(), asked); found > 0) {
      widths_[table->id] = 1 + (rows.bytes() + rows.left_out()) / found;
    }
    TableBatch batch =
        plan_batch(*table, since.of(*table), keys, all ? std::optional(rows) : std::nullopt);
    if (batch.carry != Carry::nothing) {
      batches_.push_back(std::move(batch));
    }
  }
}

// Keys that did not fit did not say so either.
void ChangeReader::find_whole_tables() {
  std::vector<Statement> statements;
  std::vector<TableBatch*> unknown;
  for (TableBatch& batch : batches_) {
    if (batch.carry == Carry::stream && batch.key_count == 0) {
      statements.push_back({whole_logged_sql(*batch.table, batch.since), {}, {}});
      unknown.push_back(&batch);
    }
  }
  const std::vector<Rows> answers = session_.pipeline(statements);
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    if (answers.at(i).boolean(0, 0)) {
      unknown[i]->carry = Carry::whole;
    }
  }
}

void ChangeReader::begin() {
  transaction_.reset();
  forget();
  transaction_.emplace(session_, postgres::one_snapshot);
}

// Returns the answers to the state's statement and to `more`.
std::vector<Rows> ChangeReader::look_with(const Since& since, const std::vector<Statement>& more) {
  // Where copies end may be before the position, after a failover. A table of which nothing was
  // ever logged is left alone: all that would be read of it is locked.
  const std::string snapshot = since.copy.empty() ? since.position : before_everything;
  std::vector<Statement> statements = logs_.statements(snapshot);
  const auto looks = static_cast<std::ptrdiff_t>(statements.size());
  statements.insert(statements.begin(), {{}, {}, state_statement});
  statements.insert(statements.end(), more.begin(), more.end());
  std::vector<Rows> answers = session_.pipeline(statements, bytes_left());
  const auto first = answers.begin() + 1;
  changed_ = logs_.named({first, first + looks}, snapshot, source_state(answers[0]));
  answers.erase(first, first + looks);
  return answers;
}

void ChangeReader::read_catalogue(const std::function<void(Session&)>& read) {
  session_.pipeline({allow_hash_joins(true)});
  read(session_);
  session_.pipeline({allow_hash_joins(false)});
}

SourceState ChangeReader::look(const Since& since, bool with_fingerprint) {
  std::vector<Statement> more;
  if (with_fingerprint) {
    more = {allow_hash_joins(true), {fingerprint_sql(tables_), {}, {}}, allow_hash_joins(false)};
  }
  const std::vector<Rows> answers = look_with(since, more);
  SourceState state = source_state(answers[0]);
  if (with_fingerprint) {
    state.fingerprint = answers.at(answers.size() - 2).text(0, 0);
  }
  return state;
}

SourceState ChangeReader::look_and_read(const Since& since) {
  read_ahead_ = std::move(changed_);
  const std::vector<Rows> answers = look_with(since, changes_of(read_ahead_, since));
  take_changes(read_ahead_, since, answers, 1);
  return source_state(answers[0]);
}

std::vector<TableBatch> ChangeReader::read(const Since& since) {
  std::vector<const SyncedTable*> rest;
  for (const SyncedTable* table : changed_) {
    if (!contains(read_ahead_, *table)) {
      rest.push_back(table);
    }
  }
  take_changes(rest, since, session_.pipeline(changes_of(rest, since), bytes_left()), 0);
  find_whole_tables();
  std::vector<TableBatch> batches = std::move(batches_);
  forget();
  return batches;
}

void ChangeReader::forget() {
  read_ahead_.clear();
  batches_.clear();
}

void ChangeReader::end() {
  if (transaction_) {
    transaction_->commit();
    transaction_.reset();
  }
}

std::vector<const SyncedTable*> ChangeReader::plan_ahead() {
  std::vector<const SyncedTable*> logged = logs_.since(before_everything);
  std::stable_partition(logged.begin(), logged.end(),
                        [&](const SyncedTable* table) { return contains(changed_, *table); });
  keep_some(logged);
  std::string sql;
  for (const SyncedTable* table : logged) {
    prepared_.prepare(session_, key_statement(*table), logged_keys_sql(*table));
    sql += fmt::format("EXPLAIN EXECUTE {}('{}', 1);\n", key_statement(*table), before_everything);
    if (!table->keyless()) {
      prepared_.prepare(session_, row_statement(*table), logged_rows_sql(*table));
      sql +=
          fmt::format("EXPLAIN EXECUTE {}('{}', 1);\n", row_statement(*table), before_everything);
    }
  }
  session_.batch(sql);
  return logged;
}

std::uint64_t ChangeReader::lag(const Since& since) {
  // What was logged since the position is at least what was logged since a later copy.
  const std::vector<const SyncedTable*> logged = logs_.since(since.position);
  std::vector<Statement> statements;
  for (const SyncedTable* table : logged) {
    statements.push_back({logged_count_sql(*table), {since.of(*table)}, {}});
  }
  std::uint64_t entries = 0;
  for (const Rows& rows : run_in_groups(session_, std::move(statements), logs_in_a_statement)) {
    entries += static_cast<std::uint64_t>(rows.int64(0, 0));
  }
  return entries;
}

std::uint64_t ChangeReader::purge(const std::string& covered, const Since& since) {
  std::vector<Statement> statements;
  for (const SyncedTable* table : logs_.since(before_everything)) {
    if (!since.copy.contains(table->id)) {
      statements.push_back(
          {fmt::format("DELETE FROM {} WHERE txid < txid_snapshot_xmin($1::txid_snapshot)",
                       log_name(*table)),
           {covered},
           {}});
    }
  }
  std::uint64_t deleted = 0;
  for (const Rows& rows : run_in_groups(session_, std::move(statements), logs_in_a_statement)) {
    deleted += rows.affected();
  }
  return deleted;
}

}  // namespace crossover::sync
