#include "data-sync/verify.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/start.h"
#include "postgres/sqlstate.h"
#include "sync/drain.h"
#include "sync/lock_watch.h"
#include "sync/verification.h"
#include "sync/verify.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;

constexpr std::size_t most_differences = 20;

// Whether the snapshot that `target` has just taken is exactly what the drain left: a follower may
// have drained in between.
bool stands_at(postgres::Session& target, Direction direction, const std::string& point) {
  const postgres::Rows rows =
      target.query("SELECT snapshot::text FROM crossover.position WHERE direction = $1",
                   {std::string(sync::name(direction))});
  return rows.size() == 1 && rows.text(0, 0) == point;
}

// Both databases at one point while writes go on: the source's snapshot of a drain, and a snapshot
// of the target that contains that drain and no later one.
class CommonPoint {
 public:
  CommonPoint(Run& run, Direction direction)
      : run_(run),
        direction_(direction),
        target_(run.at(sync::target(direction)).open("verify")),
        tables_(read_tables()) {
    postgres::Session old_side = run.at(Side::old_side).open("verify");
    sync::require_kept(old_side, "verify");
    require_copied(target_, direction);
  }

  const std::vector<sync::SyncedTable>& tables() const { return tables_; }
  /// After take().
  postgres::Session& source() {
    if (!drain_) {
      throw std::logic_error("no common point of both databases was taken");
    }
    return drain_->source_session();
  }
  postgres::Session& target() { return target_; }
  const std::string& point() const { return point_; }
  std::int64_t taken() const { return taken_; }

  /// Another one, later than that before, which has ended.
  void take() {
    leave();
    stop_point("verify-point");
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      run_.context().stop().throw_if_requested();
      const std::optional<std::string> point = drain_once();
      if (!point) {
        continue;
      }
      snapshot_.emplace(target_, postgres::one_snapshot);
      if (stands_at(target_, direction_, *point)) {
        point_ = *point;
        ++taken_;
        return;
      }
      snapshot_.reset();
    }
    throw Error(ErrorKind::timeout,
                fmt::format("unable to verify: no common point of both databases in {} drains",
                            most_attempts),
                "stop other drainers (`data-sync follow`), then run `data-sync verify` again");
  }

  /// Ends both snapshots, and with them all locks.
  void leave() {
    snapshot_.reset();
    if (drain_) {
      drain_->rollback();
    }
  }

  std::unique_ptr<sync::LockWatch> watch() {
    return std::make_unique<sync::LockWatch>(
        std::vector<sync::LockWatch::Reader>{{run_.at(sync::source(direction_)), source()},
                                             {run_.at(sync::target(direction_)), target_}});
  }

 private:
  static constexpr int most_attempts = 50;

  std::vector<sync::SyncedTable> read_tables() {
    run_.require_own({sync::source(direction_)});
    run_.require_migration(target_, sync::target(direction_));
    return sync::read_tables(target_);
  }

  // Drains in the name of whoever is the drainer, which stays it. Nothing when another became the
  // drainer in between, as when `data-sync follow` has just begun. A switch under way is left in
  // peace.
  std::optional<std::string> drain_once() {
    if (!drain_) {
      const sync::Migration migration =
          sync::require_migration(target_, run_.at(sync::target(direction_)).describe());
      if (!migration.moving_to.empty()) {
        throw Error(ErrorKind::locked, "unable to verify: a switch is under way",
                    "run `data-sync verify` again when `route-switch status` shows that it ended");
      }
      drain_.emplace(run_.databases(), direction_, tables_, migration.apply_token,
                     migration.drainer_token, run_.context().log());
      if (direction_ == Direction::reverse) {
        drain_->keep_sequences_ahead(run_.config().sync.sequence_margin);
      }
    }
    try {
      return drain_->run_keeping_snapshot().snapshot;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::locked) {
        throw;
      }
      drain_.reset();
      return std::nullopt;
    }
  }

  Run& run_;
  Direction direction_;
  postgres::Session target_;
  std::vector<sync::SyncedTable> tables_;
  std::optional<sync::Drain> drain_;
  std::optional<postgres::Transaction> snapshot_;
  std::string point_;
  std::int64_t taken_ = 0;
};

// Compares table after table. Nobody waits for the end of that: as soon as somebody wants a lock
// that reading has taken, both snapshots end, and what is left is compared at a later point. Each
// table is compared at one point of both databases.
class Comparison {
 public:
  Comparison(Run& run, Direction direction, CommonPoint& point)
      : run_(run), direction_(direction), point_(point) {}

  void compare() {
    const cli::TaskContext& context = run_.context();
    context.progress().start(fmt::format("comparison of {} tables", point_.tables().size()),
                             sync::estimated_rows(point_.target(), point_.tables()), "rows");
    compare_all();
    context.progress().finish();
    cli::Result& result = context.result();
    result.set_metric("common_points", point_.taken());
    result.set_metric("rows_compared", static_cast<std::int64_t>(rows_));
    if (!differing_.rows.empty()) {
      result.add_table(std::move(differing_));
    }
  }

 private:
  static constexpr int most_in_a_row = 9;
  /// Each stays locked, with its indexes, until the point is left.
  static constexpr std::size_t most_relations_at_a_point = 250;

  void compare_all() {
    for (int given_way = 0; next_ < point_.tables().size(); ++given_way) {
      const std::size_t before = next_;
      point_.take();
      compare_until_disturbed();
      point_.leave();
      given_way = next_ > before ? 0 : given_way;
      if (given_way == most_in_a_row) {
        throw Error(ErrorKind::timeout,
                    fmt::format("unable to verify '{}': it gave way {} times to who waited for a "
                                "lock, at last to {}",
                                point_.tables()[next_].table.text(), given_way + 1, who_),
                    "run `data-sync verify` again when no TRUNCATE and no change of the schema is "
                    "under way");
      }
    }
  }

  void compare_until_disturbed() {
    const auto watch = point_.watch();
    const std::vector<sync::SyncedTable>& tables = point_.tables();
    std::size_t relations = 0;
    try {
      for (; next_ < tables.size() && relations < most_relations_at_a_point &&
             !watch->somebody_waits();
           ++next_) {
        stop_point("verify-table");
        compare(tables[next_]);
        relations += tables[next_].relations.size();
      }
    } catch (const Error& error) {
      if (error.sqlstate() != postgres::sqlstate::cancelled || watch->who().empty()) {
        throw;
      }
    }
    if (who_ = watch->who(); !who_.empty()) {
      run_.context().log().info("giving way to {}, which waits for a lock", who_);
    }
  }

  void compare(const sync::SyncedTable& table) {
    const cli::TaskContext& context = run_.context();
    const sync::TableComparison comparison =
        sync::compare_table(point_.source(), point_.target(), table, direction_, most_differences,
                            context.stop(), context.progress());
    rows_ += comparison.source_rows;
    context.result().add_check("table " + table.table.text(),
                               comparison.equal ? cli::CheckOutcome::pass : cli::CheckOutcome::fail,
                               fmt::format("{} rows in the source, {} in the target",
                                           comparison.source_rows, comparison.target_rows));
    for (const sync::RowDifference& difference : comparison.differences) {
      differing_.rows.push_back({table.table.text(), difference.key, difference.kind});
    }
  }

  Run& run_;
  Direction direction_;
  CommonPoint& point_;
  std::size_t next_ = 0;
  std::uint64_t rows_ = 0;
  std::string who_;
  cli::Table differing_{
      .title = "Rows that differ", .columns = {"table", "key", "how"}, .rows = {}};
};

// `route-switch switch` asks for it.
void remember(const Run& run, Direction direction, const CommonPoint& point, bool equal) {
  postgres::Session session = run.at(sync::target(direction)).open("verify");
  sync::record_verification(session, direction,
                            {.equal = equal,
                             .point = point.point(),
                             .at = {},
                             .tables = static_cast<std::int64_t>(point.tables().size())});
}

}  // namespace

void verify(Run& run) {
  const cli::TaskContext& context = run.context();
  const Direction direction =
      context.options().flag("reverse") ? Direction::reverse : Direction::forward;
  CommonPoint point(run, direction);
  Comparison(run, direction, point).compare();
  stop_point("verify-compared");
  remember(run, direction, point, !context.result().failed_checks());
  stop_point("verify-recorded");
  context.result().throw_if_check_failed("verify", run.config().name);
}

}  // namespace crossover::data_sync
