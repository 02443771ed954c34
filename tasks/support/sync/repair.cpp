#include "sync/repair.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/stop_point.h"
#include "sync/copy_through.h"
#include "sync/fingerprint.h"
#include "sync/gate.h"
#include "sync/kept_rows.h"
#include "sync/lost_rows.h"
#include "sync/position.h"
#include "sync/row_difference.h"
#include "sync/state.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

constexpr std::size_t all_buckets = SIZE_MAX;

class Repair {
 public:
  Repair(const Databases& databases, Direction direction, const std::vector<SyncedTable>& tables,
         const Secret& apply_token, std::string_view owner, const CopyContext& context)
      : databases_(databases),
        direction_(direction),
        tables_(tables),
        owner_(owner),
        context_(context),
        source_(databases.at(sync::source(direction)).open("repair")),
        target_(open_apply_session(databases.at(sync::target(direction)), "repair", apply_token)) {}

  std::vector<RepairedTable> run() {
    Transaction writing(target_);
    require_owner(target_, owner_);
    // Whatever the caller believes: the rows of the live side are never those that give way.
    if (gate_state(target_) != GateState::closed) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to repair the {} database: its gate is open, so the service "
                              "writes there",
                              name(sync::target(direction_))),
                  "look at `data-sync status`: only the side behind the closed gate is repaired");
    }
    SourceState before = lock_position(target_, direction_);
    Transaction reading(source_, postgres::one_snapshot);
    const SourceState now = read_source_state(source_, tables_);
    before.timeline = now.timeline;
    require_same_source(source_, target_, direction_, tables_, before, now);
    facts_ = {.mark = read_carried_mark(source_, target_, direction_),
              .carried = before.snapshot,
              .logged = true};
    std::vector<RepairedTable> repaired;
    for (const SyncedTable& table : tables_) {
      context_.stop.throw_if_requested();
      with_context(fmt::format("table {}", table.table.text()), [&] {
        if (RepairedTable result = repair(table); result.brought > 0 || result.saved > 0) {
          repaired.push_back(std::move(result));
        }
      });
    }
    // Whatever a copy's or a drain's snapshot said was of the former timeline's transaction ids.
    target_.batch("UPDATE crossover.synced_table SET start_snapshot = NULL");
    write_position(target_, direction_, now, schema_lines(source_, tables_));
    stop_point("repair-applied");
    reading.commit();
    flush_wal(source_);
    writing.commit();
    stop_point("repair-committed");
    return repaired;
  }

 private:
  RepairedTable repair(const SyncedTable& table) {
    const RowsByKey rows =
        differing_rows(source_, target_, table, direction_, all_buckets, context_.stop);
    if (rows.empty()) {
      return {.table = table.table};
    }
    return table.keyless() ? replace_all(table, rows) : replace_keys(table, rows);
  }

  RepairedTable replace_keys(const SyncedTable& table, const RowsByKey& rows) {
    if (table.policy == Policy::merge) {
      give_up_taken_rows(target_, source_, table);
    }
    LostRows lost(source_, target_, table, direction_, facts_, context_.stop);
    lost.tell(rows);
    const SavedRows given_way = lost.save_target_rows();
    lost.delete_told();
    postgres::CopyIn in = target_.copy_in(copy_in_sql(table));
    visit_rows(source_, table, direction_ == Direction::reverse, context_.stop,
               [&](std::string_view key, std::string_view row) {
                 if (rows.contains(key)) {
                   in.write(row.substr(key.size() + 1));
                 }
               });
    const std::uint64_t brought = in.finish();
    const SavedRows deleted = lost.save_deleted_rows();
    lost.forget();
    return {table.table, brought, given_way.all + deleted.all, given_way.uncertain};
  }

  // Equal rows can't be told apart, so all go and come again.
  RepairedTable replace_all(const SyncedTable& table, const RowsByKey& rows) {
    Session beside = databases_.at(sync::target(direction_)).open("repair");
    // Whoever waits for our transaction's lock on the table would wait for us to end, and we here
    // for him: a deadlock that no server sees.
    beside.batch("SET lock_timeout = '2s'");
    const SavedRows saved = LostRows(source_, target_, table, direction_, facts_, context_.stop)
                                .save_keyless(rows, beside);
    target_.batch(delete_carried_sql(table));
    const std::uint64_t brought =
        copy_through(source_, copy_all_rows_sql(table), target_, copy_in_sql(table));
    return {table.table, brought, saved.all, saved.uncertain};
  }

  const Databases& databases_;
  Direction direction_;
  const std::vector<SyncedTable>& tables_;
  std::string_view owner_;
  const CopyContext& context_;
  Session source_;
  Session target_;
  FailoverFacts facts_;
};

}  // namespace

bool has_failed_over(Session& source, Session& target, Direction direction) {
  const Rows position = target.query("SELECT timeline FROM crossover.position WHERE direction = $1",
                                     {std::string(name(direction))});
  return !position.empty() && position.text(0, 0) != source.query(source_state_sql()).text(0, 2);
}

bool is_another_source(Session& source, Session& target, Direction direction) {
  const Rows position = target.query(
      "SELECT system_identifier, timeline FROM crossover.position WHERE direction = $1",
      {std::string(name(direction))});
  if (position.empty()) {
    return false;
  }
  const SourceState now = source_state(source.query(source_state_sql()));
  return position.text(0, 0) != now.system_identifier || position.text(0, 1) != now.timeline;
}

std::vector<RepairedTable> save_lost_rows(Session& source, Session& target,
                                          const Database& target_database, Direction direction,
                                          const std::vector<SyncedTable>& tables,
                                          const StopRequest& stop) {
  const FailoverFacts facts = {.mark = read_carried_mark(source, target, direction)};
  Session beside = target_database.open("repair");
  Transaction reading(source, postgres::one_snapshot);
  std::vector<RepairedTable> saved;
  for (const SyncedTable& table : tables) {
    stop.throw_if_requested();
    with_context(fmt::format("table {}", table.table.text()), [&] {
      const RowsByKey rows =
          differing_rows(source, target, table, direction, all_buckets, stop, Differing::of_target);
      if (rows.empty()) {
        return;
      }
      LostRows lost(source, target, table, direction, facts, stop);
      SavedRows here;
      if (table.keyless()) {
        here = lost.save_keyless(rows, beside);
      } else {
        lost.tell(rows);
        here = lost.save_target_rows();
        lost.forget();
      }
      if (here.all > 0) {
        saved.push_back({table.table, 0, here.all, here.uncertain});
      }
    });
  }
  reading.commit();
  return saved;
}

std::vector<RepairedTable> repair_after_failover(const Databases& databases, Direction direction,
                                                 const std::vector<SyncedTable>& tables,
                                                 const Secret& apply_token, std::string_view owner,
                                                 const CopyContext& context) {
  return Repair(databases, direction, tables, apply_token, owner, context).run();
}

}  // namespace crossover::sync
