#include "data-sync/verify.h"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "data-sync/start.h"
#include "sync/drain.h"
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
        tables_(sync::read_tables(target_)) {
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

  void take() {
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      run_.context().stop().throw_if_requested();
      const std::optional<std::string> point = drain_once();
      if (!point) {
        continue;
      }
      snapshot_.emplace(target_, postgres::one_snapshot);
      if (stands_at(target_, direction_, *point)) {
        point_ = *point;
        return;
      }
      snapshot_.reset();
    }
    throw Error(ErrorKind::timeout,
                fmt::format("unable to verify: no common point of both databases in {} drains",
                            most_attempts),
                "stop other drainers (`data-sync follow`), then run `data-sync verify` again");
  }

 private:
  static constexpr int most_attempts = 50;

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
  point.take();
  cli::Table differing{.title = "Rows that differ", .columns = {"table", "key", "how"}, .rows = {}};
  for (const sync::SyncedTable& table : point.tables()) {
    const sync::TableComparison comparison = sync::compare_table(
        point.source(), point.target(), table, direction, most_differences, context.stop());
    context.result().add_check("table " + table.table.text(),
                               comparison.equal ? cli::CheckOutcome::pass : cli::CheckOutcome::fail,
                               fmt::format("{} rows in the source, {} in the target",
                                           comparison.source_rows, comparison.target_rows));
    for (const sync::RowDifference& difference : comparison.differences) {
      differing.rows.push_back({table.table.text(), difference.key, difference.kind});
    }
  }
  if (!differing.rows.empty()) {
    context.result().add_table(std::move(differing));
  }
  remember(run, direction, point, !context.result().failed_checks());
  context.result().throw_if_check_failed("verify", run.config().name);
}

}  // namespace crossover::data_sync
