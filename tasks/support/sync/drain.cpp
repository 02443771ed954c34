#include "sync/drain.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/stop_point.h"
#include "sync/drain_batch.h"
#include "sync/fingerprint.h"
#include "sync/gate.h"
#include "sync/position.h"
#include "sync/row_digest.h"
#include "sync/sequences.h"
#include "sync/table_sql.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Statement;
using postgres::Transaction;

// Statements by key must use the key's index whatever the planner believes of a log without
// statistics: a drain's cost follows the number of changes, never the size of the table.
constexpr std::string_view plan_by_index =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET plan_cache_mode = force_custom_plan";

std::string prepared(std::string_view what, const SyncedTable& table) {
  return fmt::format("{}_{}", what, table.id);
}

Statement prepared_statement(std::string_view what, const SyncedTable& table,
                             std::vector<postgres::Param> params) {
  return {{}, std::move(params), prepared(what, table)};
}

std::vector<postgres::Param> as_params(const std::vector<std::string>& arrays) {
  return {arrays.begin(), arrays.end()};
}

// Bytes straight from one server to the other.
std::uint64_t pipe_copy(Session& source, const std::string& out_sql, Session& target,
                        const std::string& in_sql) {
  postgres::CopyOut out = source.copy_out(out_sql);
  postgres::CopyIn in = target.copy_in(in_sql);
  for (std::string_view chunk; out.read(chunk);) {
    in.write(chunk);
  }
  return in.finish();
}

}  // namespace

class Drain::Impl {
 public:
  Impl(const Databases& databases, Direction direction, std::vector<SyncedTable> tables,
       const Secret& apply_token, std::string drainer, Log& log)
      : direction_(direction),
        tables_(std::move(tables)),
        drainer_(std::move(drainer)),
        log_(log),
        source_(databases.at(sync::source(direction)).open("drain")),
        target_(open_apply_session(databases.at(sync::target(direction)), "drain", apply_token)),
        sequences_(source_, target_, tables_) {
    source_.batch(plan_by_index);
    target_.batch(plan_by_index);
    prepare();
  }

  /// Applies what has changed in an open transaction on the target. With `owner`, its row stays
  /// locked from the first statement on: whoever wants to take the migration over waits for this
  /// transaction's end.
  DrainReport apply(std::optional<std::string_view> owner) {
    const auto start = clock_.now();
    rollback();
    target_transaction_.emplace(target_);
    if (owner) {
      require_owner(target_, *owner);
    }
    require_drainer();
    const SourceState before = lock_position(target_, direction_);
    batches_ = read_changes(before);
    stop_point("drain-read");
    DrainReport report;
    report.snapshot = snapshot_;
    write_small(batches_, report);
    for (const TableBatch& batch : batches_) {
      write_large(batch, report);
    }
    move_position(target_, direction_, snapshot_, report.rows);
    stop_point("drain-applied");
    report.duration = clock_.now() - start;
    return report;
  }

  void commit() {
    target_transaction_->commit();
    target_transaction_.reset();
    history_.emplace_back(clock_.now(), snapshot_);
    stop_point("drain-committed");
  }

  void end_source() {
    if (source_transaction_) {
      source_transaction_->commit();
      source_transaction_.reset();
    }
  }

  DrainReport finish(std::string_view owner, std::int64_t margin,
                     const std::function<void(std::string_view)>& phase) {
    DrainReport report = apply(owner);
    phase("drain");
    sequences_.advance(source_, target_, margin);
    phase("sequences");
    verify_applied();
    phase("verify");
    end_source();
    stop_point("switch-before-commit");
    target_transaction_->commit_with(open_gate_sql(tables_));
    target_transaction_.reset();
    stop_point("switch-committed");
    phase("open");
    return report;
  }

  std::uint64_t lag() {
    const Rows position =
        target_.query("SELECT snapshot FROM crossover.position WHERE direction = $1",
                      {std::string(name(direction_))});
    if (position.empty()) {
      return 0;
    }
    const auto starts = start_snapshots();
    std::vector<Statement> statements;
    for (const SyncedTable& table : tables_) {
      const auto start = starts.find(table.id);
      const std::string since =
          start == starts.end() ? std::string(position.text(0, 0)) : start->second;
      statements.push_back(prepared_statement("count", table, {since}));
    }
    std::uint64_t entries = 0;
    for (const Rows& rows : source_.pipeline(statements)) {
      entries += static_cast<std::uint64_t>(rows.int64(0, 0));
    }
    return entries;
  }

  std::uint64_t purge(Duration retention, const Clock& clock) {
    std::string covered;
    while (!history_.empty() && clock.now() - history_.front().first > retention) {
      covered = history_.front().second;
      history_.pop_front();
    }
    if (covered.empty()) {
      return 0;
    }
    const auto starts = start_snapshots();
    std::vector<Statement> statements;
    for (const SyncedTable& table : tables_) {
      if (!starts.contains(
              table.id)) {  // a table that waits for its first drain needs its whole log
        statements.push_back(
            {fmt::format("DELETE FROM {} WHERE txid < txid_snapshot_xmin($1::txid_snapshot)",
                         log_name(table)),
             {covered},
             {}});
      }
    }
    std::uint64_t deleted = 0;
    for (const Rows& rows : source_.pipeline(statements)) {
      deleted += rows.affected();
    }
    return deleted;
  }

  void rollback() noexcept {
    source_transaction_.reset();
    target_transaction_.reset();
  }

  Session& source_session() { return source_; }

 private:
  void prepare() {
    for (const SyncedTable& table : tables_) {
      source_.prepare(prepared("keys", table), logged_keys_sql(table, most_keys_in_memory + 1));
      source_.prepare(prepared("count", table), logged_count_sql(table));
      if (table.keyless()) {
        continue;
      }
      source_.prepare(prepared("rows", table), logged_rows_sql(table));
      target_.prepare(prepared("delete", table), delete_keys_sql(table));
      target_.prepare(prepared("insert", table), insert_rows_sql(table));
      target_.prepare(prepared("select", table), select_keys_sql(table));
    }
  }

  void require_drainer() {
    const Rows rows =
        target_.query("SELECT 1 FROM crossover.migration WHERE drainer_token = $1", {drainer_});
    if (rows.empty()) {
      throw Error(ErrorKind::locked,
                  "unable to drain: another process has become the drainer of this migration",
                  "nothing to do when a switch is under way; else look at `data-sync status`");
    }
  }

  // Tables that were copied and not drained since, with the snapshot that their copy was made in.
  std::map<int, std::string> start_snapshots() {
    const Rows rows = target_.query(
        "SELECT id, start_snapshot FROM crossover.synced_table WHERE start_snapshot IS NOT NULL");
    std::map<int, std::string> snapshots;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      snapshots.emplace(static_cast<int>(rows.int64(i, 0)), rows.text(i, 1));
    }
    return snapshots;
  }

  std::vector<TableBatch> read_changes(const SourceState& before) {
    const auto starts = start_snapshots();
    if (!starts.empty()) {
      target_.batch(
          "UPDATE crossover.synced_table SET start_snapshot = NULL WHERE start_snapshot IS NOT "
          "NULL");
    }
    source_transaction_.emplace(source_, "ISOLATION LEVEL REPEATABLE READ READ ONLY");
    std::vector<Statement> statements = {{source_state_sql(), {}, {}},
                                         {fingerprint_sql(tables_), {}, {}}};
    std::vector<std::string> since;
    for (const SyncedTable& table : tables_) {
      const auto start = starts.find(table.id);
      since.push_back(start == starts.end() ? before.snapshot : start->second);
      statements.push_back(prepared_statement("keys", table, {since.back()}));
    }
    const std::vector<Rows> answers = source_.pipeline(statements);
    const SourceState now{std::string(answers[0].text(0, 0)), std::string(answers[0].text(0, 1)),
                          std::string(answers[0].text(0, 2)), std::string(answers[1].text(0, 0))};
    require_same_source(source_, target_, direction_, tables_, before, now);
    snapshot_ = now.snapshot;
    std::vector<TableBatch> batches;
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      TableBatch batch = plan_batch(tables_[i], since[i], answers[i + 2]);
      if (batch.carry != Carry::nothing) {
        batches.push_back(std::move(batch));
      }
    }
    read_rows(batches);
    return batches;
  }

  void read_rows(std::vector<TableBatch>& batches) {
    std::vector<Statement> statements;
    for (const TableBatch& batch : batches) {
      if (batch.carry == Carry::keys) {
        statements.push_back(prepared_statement("rows", *batch.table, {batch.since}));
      }
    }
    const std::vector<Rows> answers = source_.pipeline(statements);
    std::size_t next = 0;
    for (TableBatch& batch : batches) {
      if (batch.carry == Carry::keys) {
        batch.rows = answers.at(next++);
      }
    }
  }

  void write_small(const std::vector<TableBatch>& batches, DrainReport& report) {
    std::vector<Statement> statements;
    for (const TableBatch& batch : batches) {
      if (batch.carry != Carry::keys) {
        continue;
      }
      statements.push_back(prepared_statement("delete", *batch.table, as_params(batch.key_arrays)));
      if (!batch.rows.empty()) {
        statements.push_back(prepared_statement("insert", *batch.table, column_arrays(batch.rows)));
      }
      report.keys += batch.key_count;
      report.rows += batch.rows.size();
      ++report.tables;
    }
    target_.pipeline(statements);
  }

  void write_large(const TableBatch& batch, DrainReport& report) {
    const SyncedTable& table = *batch.table;
    if (batch.carry == Carry::stream) {
      target_.batch(create_key_table_sql(table));
      report.keys += pipe_copy(source_, copy_logged_keys_sql(table, batch.since), target_,
                               copy_key_table_sql(table));
      target_.batch(delete_by_key_table_sql(table));
      target_.batch(drop_key_table_sql(table));
      report.rows +=
          pipe_copy(source_, copy_logged_rows_sql(table, batch.since), target_, copy_in_sql(table));
    } else if (batch.carry == Carry::whole) {
      target_.batch(delete_carried_sql(table));
      report.rows += pipe_copy(source_, copy_all_rows_sql(table), target_, copy_in_sql(table));
    } else {
      return;
    }
    ++report.tables;
  }

  // What stands on the target must be what the source showed. The keys of large changes are
  // compared by digest.
  void verify_applied() {
    std::vector<Statement> statements;
    std::vector<const TableBatch*> small;
    for (const TableBatch& batch : batches_) {
      if (batch.carry == Carry::keys) {
        statements.push_back(
            prepared_statement("select", *batch.table, as_params(batch.key_arrays)));
        small.push_back(&batch);
      } else if (batch.table->policy != Policy::merge) {
        require_equal(*batch.table, digest_copy(source_, copy_all_rows_sql(*batch.table)) ==
                                        digest_copy(target_, copy_all_rows_sql(*batch.table)));
      }
    }
    const std::vector<Rows> answers = target_.pipeline(statements);
    for (std::size_t i = 0; i < small.size(); ++i) {
      require_equal(*small[i]->table, same_rows(small[i]->rows, answers[i]));
    }
  }

  static void require_equal(const SyncedTable& table, bool equal) {
    if (!equal) {
      throw Error(ErrorKind::conflict,
                  fmt::format("unable to verify '{}': the rows applied last differ between the two "
                              "databases",
                              table.table.text()),
                  "run `data-sync verify` to see which rows, and look for a trigger or rule on the "
                  "target that changes what is written");
    }
  }

  Direction direction_;
  std::vector<SyncedTable> tables_;
  std::string drainer_;
  Log& log_;
  SystemClock clock_;
  Session source_;
  Session target_;
  SequencePairs sequences_;
  std::optional<Transaction> source_transaction_;
  std::optional<Transaction> target_transaction_;
  std::string snapshot_;
  std::vector<TableBatch> batches_;
  std::deque<std::pair<Clock::Monotonic, std::string>> history_;
};

Drain::Drain(const Databases& databases, Direction direction, std::vector<SyncedTable> tables,
             const Secret& apply_token, std::string drainer, Log& log)
    : impl_(std::make_unique<Impl>(databases, direction, std::move(tables), apply_token,
                                   std::move(drainer), log)) {}
Drain::~Drain() = default;
Drain::Drain(Drain&&) noexcept = default;
Drain& Drain::operator=(Drain&&) noexcept = default;

DrainReport Drain::run() {
  DrainReport report = run_keeping_snapshot();
  impl_->end_source();
  return report;
}

DrainReport Drain::run_keeping_snapshot() {
  try {
    DrainReport report = impl_->apply(std::nullopt);
    impl_->commit();
    return report;
  } catch (...) {
    impl_->rollback();
    throw;
  }
}

DrainReport Drain::finish(std::string_view owner, std::int64_t sequence_margin,
                          const std::function<void(std::string_view)>& phase) {
  try {
    return impl_->finish(owner, sequence_margin, phase);
  } catch (...) {
    impl_->rollback();
    throw;
  }
}

std::uint64_t Drain::lag() { return impl_->lag(); }

std::uint64_t Drain::purge(Duration retention, const Clock& clock) {
  return impl_->purge(retention, clock);
}

postgres::Session& Drain::source_session() { return impl_->source_session(); }

void Drain::rollback() noexcept { impl_->rollback(); }

void start_position(Session& source, Session& target, Direction direction,
                    const std::vector<SyncedTable>& tables) {
  const SourceState state = read_source_state(source, tables);
  write_position(target, direction, state, schema_lines(source, tables));
}

}  // namespace crossover::sync
