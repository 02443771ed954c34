#include "sync/change_writer.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/error.h"
#include "sync/copy_through.h"
#include "sync/kept_rows.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;

// By the key's index whatever the planner believes of a table without statistics. A table may grow
// from nothing while it is being drained to, so each statement is planned for what it finds.
constexpr std::string_view plan_by_key_index =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET plan_cache_mode = force_custom_plan";

std::string delete_statement(const SyncedTable& table) {
  return fmt::format("delete_{}", table.id);
}
std::string insert_statement(const SyncedTable& table) {
  return fmt::format("insert_{}", table.id);
}
std::string select_statement(const SyncedTable& table) {
  return fmt::format("select_{}", table.id);
}

std::vector<postgres::Param> as_params(const std::vector<std::string>& arrays) {
  return {arrays.begin(), arrays.end()};
}

void require_equal(const SyncedTable& table, bool equal) {
  if (!equal) {
    throw Error(ErrorKind::conflict,
                fmt::format("unable to verify '{}': the rows applied last differ between the two "
                            "databases",
                            table.table.text()),
                "run `data-sync verify` to see which rows, and look for a trigger or rule on the "
                "target that changes what is written");
  }
}

std::string explain(const std::string& name, std::size_t parameters) {
  std::string list;
  for (std::size_t i = 0; i < parameters; ++i) {
    list += i == 0 ? "'{}'" : ", '{}'";
  }
  return fmt::format("EXPLAIN EXECUTE {}({});\n", name, list);
}

}  // namespace

ChangeWriter::ChangeWriter(Session session, Direction direction)
    : direction_(direction), session_(std::move(session)) {
  session_.batch(plan_by_key_index);
}

void ChangeWriter::begin() {
  transaction_.reset();
  transaction_.emplace(session_);
}

void ChangeWriter::require_drainer(std::string_view drainer, DrainerLock lock) {
  const Rows rows =
      session_.query(fmt::format("SELECT 1 FROM crossover.migration WHERE drainer_token = $1 {}",
                                 lock == DrainerLock::until_end ? "FOR SHARE" : ""),
                     {std::string(drainer)});
  if (rows.empty()) {
    throw Error(ErrorKind::locked,
                "unable to drain: another process has become the drainer of this migration",
                "nothing to do when a switch is under way; else look at `data-sync status`");
  }
}

Written ChangeWriter::write(const std::vector<TableBatch>& batches, const std::string& snapshot,
                            Session& source, bool verify) {
  Written written;
  for (const TableBatch& batch : batches) {
    if (batch.table->policy == Policy::merge) {
      give_up_taken_rows(session_, source, *batch.table);
    }
  }
  const std::vector<Rows> answers = write_small(batches, snapshot, verify, written);
  const std::uint64_t small = written.rows;
  std::vector<std::pair<const TableBatch*, RowDigest>> large;
  for (const TableBatch& batch : batches) {
    if (batch.carry != Carry::keys) {
      large.emplace_back(&batch, write_large(batch, source, written, verify));
    }
  }
  if (written.rows > small) {
    session_.pipeline({move_position_statement(direction_, snapshot, written.rows - small)});
  }
  if (verify) {
    verify_small(batches, answers);
  }
  for (const auto& [batch, digest] : large) {
    if (verify) {
      verify_large(*batch, digest);
    }
    if (batch->carry == Carry::stream) {
      session_.batch(drop_key_table_sql(*batch->table));
    }
  }
  return written;
}

// All in one round trip. What is read for comparing comes after everything that is written, since
// a trigger that fires always may write elsewhere.
std::vector<Rows> ChangeWriter::write_small(const std::vector<TableBatch>& batches,
                                            const std::string& snapshot, bool verify,
                                            Written& written) {
  std::vector<Statement> statements;
  std::vector<Statement> selects;
  for (const TableBatch& batch : batches) {
    if (batch.carry != Carry::keys) {
      continue;
    }
    const SyncedTable& table = *batch.table;
    const std::vector<postgres::Param> keys = as_params(batch.key_arrays);
    statements.push_back(prepared_.statement(
        delete_statement(table), [&] { return delete_keys_sql(table); }, keys));
    if (!batch.rows.empty()) {
      statements.push_back(prepared_.statement(
          insert_statement(table), [&] { return insert_rows_sql(table); },
          column_arrays(batch.rows)));
    }
    selects.push_back(prepared_.statement(
        select_statement(table), [&] { return select_keys_sql(table); }, keys));
    written.keys += batch.key_count;
    written.rows += batch.rows.size();
    ++written.tables;
  }
  statements.push_back(move_position_statement(direction_, snapshot, written.rows));
  const auto count = static_cast<std::ptrdiff_t>(statements.size());
  if (verify) {
    std::move(selects.begin(), selects.end(), std::back_inserter(statements));
  }
  std::vector<Rows> answers = session_.pipeline(statements);
  answers.erase(answers.begin(), answers.begin() + count);
  return answers;
}

// The table of the keys stays until what was written by it has been compared.
RowDigest ChangeWriter::write_large(const TableBatch& batch, Session& source, Written& written,
                                    bool verify) {
  const SyncedTable& table = *batch.table;
  std::string rows = copy_all_rows_sql(table);
  if (batch.carry == Carry::stream) {
    session_.batch(create_key_table_sql(table));
    written.keys += copy_through(source, copy_logged_keys_sql(table, batch.since), session_,
                                 copy_key_table_sql(table));
    session_.batch(delete_by_key_table_sql(table));
    rows = copy_logged_rows_sql(table, batch.since);
  } else {
    session_.batch(delete_carried_sql(table));
  }
  RowDigest digest;
  written.rows += verify ? copy_through(source, rows, session_, copy_in_sql(table), digest)
                         : copy_through(source, rows, session_, copy_in_sql(table));
  ++written.tables;
  return digest;
}

void ChangeWriter::verify_small(const std::vector<TableBatch>& batches,
                                const std::vector<Rows>& answers) const {
  std::size_t next = 0;
  for (const TableBatch& batch : batches) {
    if (batch.carry == Carry::keys) {
      require_equal(*batch.table, same_rows(batch.rows, answers.at(next++)));
    }
  }
}

void ChangeWriter::verify_large(const TableBatch& batch, const RowDigest& carried) {
  const SyncedTable& table = *batch.table;
  require_equal(table, carried == digest_copy(session_, batch.carry == Carry::stream
                                                            ? copy_by_key_table_sql(table)
                                                            : copy_carried_rows_sql(table)));
}

void ChangeWriter::commit() {
  transaction_->commit();
  transaction_.reset();
}

void ChangeWriter::plan_ahead(const std::vector<const SyncedTable*>& tables) {
  std::string sql = "SET plan_cache_mode = force_generic_plan;\n";
  for (const SyncedTable* table : tables) {
    if (!table->keyless()) {
      prepared_.prepare(session_, delete_statement(*table), delete_keys_sql(*table));
      prepared_.prepare(session_, insert_statement(*table), insert_rows_sql(*table));
      prepared_.prepare(session_, select_statement(*table), select_keys_sql(*table));
      sql += explain(delete_statement(*table), table->key.size());
      sql += explain(insert_statement(*table), table->columns.size());
      sql += explain(select_statement(*table), table->key.size());
    }
  }
  session_.batch(sql);
}

}  // namespace crossover::sync
