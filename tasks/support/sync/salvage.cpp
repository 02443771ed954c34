#include "sync/salvage.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "sync/cursor.h"
#include "sync/gate.h"
#include "sync/position.h"
#include "sync/salvage_rows.h"
#include "sync/salvage_sql.h"
#include "sync/state.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

// To keep the keys that were logged, in temporary tables, in the snapshot that all is read in.
constexpr std::string_view one_snapshot = "ISOLATION LEVEL REPEATABLE READ";
std::string snapshot_of(Session& target, Direction direction) {
  return std::string(target
                         .query("SELECT snapshot FROM crossover.position WHERE direction = $1",
                                {std::string(name(direction))})
                         .text(0, 0));
}

class Search {
 public:
  Search(Session& new_side, Session& old_side, const StopRequest& stop,
         const std::function<void(const LostWrite&)>& visit)
      : new_(new_side), old_(old_side), stop_(stop), visit_(visit) {}

  Salvage run(const std::vector<SyncedTable>& tables) {
    require_given_up();
    require_closed();
    look_at_positions();
    for (Session* session : {&new_, &old_}) {
      session->batch("SET enable_seqscan = off");  // the logs' statements want their index
    }
    for (const SyncedTable& table : tables) {
      with_context(fmt::format("table {}", table.table.text()), [&] {
        // Of each table alone: all that is read stays locked until the end, and holds off vacuum.
        const Transaction new_snapshot(new_, one_snapshot);
        const Transaction old_snapshot(old_, one_snapshot);
        if (const std::optional<SyncedTable> shared = in_both(table)) {
          search(*shared);
        }
      });
    }
    return found_;
  }

 private:
  void require_given_up() {
    const auto migration = read_migration(old_);
    if (migration && migration->phase == finished_phase) {
      throw Error(ErrorKind::precondition,
                  "unable to salvage: `data-sync finish` has ended the migration and taken capture "
                  "off, so what was written to the new database and not carried is not known",
                  "if the new database had been given up before that, compare both by hand; else "
                  "nothing is lost");
    }
    if (!migration || migration->phase != abandoned_phase) {
      throw Error(ErrorKind::precondition,
                  "unable to salvage: the new database was not given up, so nothing is lost",
                  "`route-switch rollback` carries everything back; only after `route-switch "
                  "rollback --accept-loss` is there anything to look for");
    }
    if (!read_migration(new_)) {
      throw Error(ErrorKind::precondition,
                  "unable to salvage: the new database has no schema crossover, so what was "
                  "written there is not known",
                  "was it made anew, or restored from a backup from before the migration?");
    }
  }

  void require_closed() {
    if (gate_state(new_) != GateState::closed) {
      throw Error(ErrorKind::precondition,
                  "unable to salvage: the gate of the new database is open, so it may still be "
                  "written",
                  "run the same `route-switch rollback --accept-loss` again: it closes the gate");
    }
  }

  // How far the new database was carried, and how far the old one had been when the service left
  // it: what stands in the old one's log behind that was written since the service is back.
  void look_at_positions() {
    const SourceState now = source_state(new_.query(source_state_sql()));
    const Rows position = old_.query(
        "SELECT system_identifier, capture, timeline FROM crossover.position WHERE direction = $1",
        {std::string(name(Direction::reverse))});
    if (position.empty() || position.text(0, 0) != now.system_identifier) {
      throw Error(
          ErrorKind::precondition,
          fmt::format("unable to salvage: the new database is another cluster (system identifier "
                      "{}, was {})",
                      now.system_identifier, position.empty() ? "not known" : position.text(0, 0)),
          "correct databases.new in crossover.yaml: it must lead to the server that was lost");
    }
    if (now.capture.empty() || position.text(0, 1) != now.capture) {
      throw Error(ErrorKind::precondition,
                  "unable to salvage: capture was taken off the new database, so what was written "
                  "there is not known",
                  "compare both databases by hand");
    }
    found_.failed_over = position.text(0, 2) != now.timeline;
    carried_ = snapshot_of(old_, Direction::reverse);
    if (!found_.failed_over) {
      require_not_older(now.snapshot);
    }
    copied_ = copy_snapshots(old_);
    found_.later_writes_known =
        position_holds(old_, new_, Direction::forward) && !has_failed_over_since(old_, new_);
    if (found_.later_writes_known) {
      left_ = snapshot_of(new_, Direction::forward);
    }
  }

  // Its transaction ids go up for ever, but a disk may be put back.
  void require_not_older(const std::string& snapshot) {
    if (new_.query("SELECT txid_snapshot_xmax($1::txid_snapshot) < "
                   "txid_snapshot_xmax($2::txid_snapshot)",
                   {snapshot, carried_})
            .boolean(0, 0)) {
      throw Error(ErrorKind::precondition,
                  "unable to salvage: the new database is in a state from before what was carried "
                  "from it last, so it does not know what was written there after that",
                  "bring up the disk that was lost, not a copy of it from before; if it never will "
                  "be, give --forget-lost-writes to `data-sync remove`");
    }
  }

  static std::set<std::string> columns_of(Session& session, const SyncedTable& table) {
    const Rows rows = session.query(present_columns_sql(table));
    std::set<std::string> columns;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      columns.emplace(rows.text(i, 0));
    }
    return columns;
  }

  // The table with the columns that both databases have: a migration of the schema stops what is
  // carried, so the one or the other may well have had one since. Nothing where its rows can't be
  // found.
  std::optional<SyncedTable> in_both(const SyncedTable& table) {
    const std::set<std::string> here = columns_of(new_, table);
    const std::set<std::string> there = columns_of(old_, table);
    SyncedTable shared = table;
    shared.columns.clear();
    std::ranges::set_intersection(here, there, std::back_inserter(shared.columns));
    // A generated column is in neither list.
    const auto missing = [&](const std::string& column) {
      return std::ranges::count(table.columns, column) > std::ranges::count(shared.columns, column);
    };
    if (here.empty() || there.empty() || std::ranges::any_of(table.key, missing)) {
      found_.unsearched.push_back(table.table.text());
      return std::nullopt;
    }
    has_more_ = !std::ranges::includes(there, here);
    if (here != there) {
      found_.altered.push_back(table.table.text());
    }
    return shared;
  }

  static bool has_failed_over_since(Session& old_side, Session& new_side) {
    const Rows left = new_side.query(
        "SELECT system_identifier, timeline FROM crossover.position WHERE direction = $1",
        {std::string(name(Direction::forward))});
    const SourceState now = source_state(old_side.query(source_state_sql()));
    return left.text(0, 0) != now.system_identifier || left.text(0, 1) != now.timeline;
  }

  // A database that has failed over hands out transaction ids again, so the position says nothing.
  std::string since(const SyncedTable& table) const {
    if (found_.failed_over) {
      return before_everything;
    }
    const auto copied = copied_.find(table.id);
    return copied == copied_.end() ? carried_ : copied->second;
  }

  void found(const LostWrite& write) {
    ++found_.writes;
    found_.conflicts += write.written_since.value_or(false) ? 1 : 0;
    visit_(write);
  }

  std::optional<bool> written_since(const Rows& here, std::size_t row) const {
    if (!left_) {
      return std::nullopt;
    }
    return old_whole_ || here.boolean(row, 2);
  }

  void search(const SyncedTable& table) {
    since_ = since(table);
    const bool whole = new_.query(whole_logged_sql(table, since_)).boolean(0, 0);
    if (!table.keyless()) {
      search_keys(table, whole);
    } else if (whole) {
      search_keyless(table);
    }
  }

  void search_keys(const SyncedTable& table, bool truncated) {
    old_whole_ = left_ && old_.query(whole_logged_sql(table, *left_)).boolean(0, 0);
    if (truncated) {
      found({&table, LostOperation::truncate, {}, {}, {}, {}});
    }
    Cursor cursor(new_, "salvage", uncarried_keys_sql(table, since_));
    bool first = true;
    for (KeyBatch batch; cursor.next(batch.keys);) {
      stop_.throw_if_requested();
      if (std::exchange(first, false) && left_) {
        old_.batch(create_logged_keys_sql(table, *left_));
      }
      look_up(new_, old_, table, batch, {false, left_.has_value()});
      for (std::size_t i = 0; i < batch.keys.size(); ++i) {
        const bool had = !batch.there.is_null(i, 0);
        const bool same = batch.there.value(i, 0) == batch.here.value(i, 0);
        if (!same || (had && has_more_)) {
          batch.lost.push_back(i);
        }
      }
      show(table, batch);
    }
    if (truncated) {
      search_truncated(table, first);
    }
  }

  // Rows that went without their keys being logged: those that only the old database has, but for
  // what was written there since.
  void search_truncated(const SyncedTable& table, bool first) {
    if (first && left_) {
      old_.batch(create_logged_keys_sql(table, *left_));
    }
    new_.batch(create_logged_keys_sql(table, since_));
    Cursor cursor(old_, "salvage", all_keys_sql(table));
    for (KeyBatch batch; cursor.next(batch.keys);) {
      stop_.throw_if_requested();
      look_up(new_, old_, table, batch, {true, left_.has_value()});
      for (std::size_t i = 0; i < batch.keys.size(); ++i) {
        if (batch.there.is_null(i, 0) && !batch.there.boolean(i, 2) &&
            !written_since(batch.here, i).value_or(false)) {
          batch.lost.push_back(i);
        }
      }
      show(table, batch);
    }
  }

  void show(const SyncedTable& table, const KeyBatch& batch) {
    visit_rows(new_, old_, table, batch, [&](std::size_t row, ShownRow there, ShownRow here) {
      found({&table,
             !here   ? LostOperation::insert
             : there ? LostOperation::update
                     : LostOperation::remove,
             batch.keys.text(row, table.key.size()), here, there, written_since(batch.here, row)});
    });
  }

  void search_keyless(const SyncedTable& table) {
    const std::optional<bool> written =
        left_ ? std::optional(old_.query(whole_logged_sql(table, *left_)).boolean(0, 0))
              : std::nullopt;
    visit_surplus_rows(
        new_, old_, table, stop_,
        [&](std::string_view row) {
          found({&table, LostOperation::insert, {}, {}, row, written});
        },
        [&](std::string_view row) {
          found({&table, LostOperation::remove, {}, row, {}, written});
        });
  }

  Session& new_;
  Session& old_;
  const StopRequest& stop_;
  const std::function<void(const LostWrite&)>& visit_;
  Salvage found_;
  std::string carried_;
  std::map<int, std::string> copied_;
  std::optional<std::string> left_;
  // Of the table that is searched:
  std::string since_;
  bool has_more_ = false;   // columns that the old database has not
  bool old_whole_ = false;  // it was truncated in the old database since
};

}  // namespace

std::string_view name(LostOperation operation) {
  switch (operation) {
    case LostOperation::insert:
      return "insert";
    case LostOperation::update:
      return "update";
    case LostOperation::remove:
      return "delete";
    case LostOperation::truncate:
      return "truncate";
  }
  return "";
}

Salvage find_lost_writes(Session& new_side, Session& old_side,
                         const std::vector<SyncedTable>& tables, const StopRequest& stop,
                         const std::function<void(const LostWrite&)>& visit) {
  return Search(new_side, old_side, stop, visit).run(tables);
}

}  // namespace crossover::sync
