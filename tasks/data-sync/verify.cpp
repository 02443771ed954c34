#include "data-sync/verify.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/common_point.h"
#include "postgres/sqlstate.h"
#include "sync/verification.h"
#include "sync/verify.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;

constexpr std::size_t most_differences = 20;

// Compares table after table. Nobody waits for the end of that: as soon as somebody wants a lock
// that reading has taken, both snapshots end, and what is left is compared at a later point. Each
// table is compared at one point of both databases, to which it may have come in pieces.
class Comparison {
 public:
  Comparison(Run& run, Direction direction, SuccessivePoints& points)
      : run_(run), direction_(direction), points_(points) {}

  void compare() {
    const cli::TaskContext& context = run_.context();
    context.progress().start(fmt::format("comparison of {} tables", points_.tables().size()),
                             rows_to_compare(), "rows");
    compare_all();
    context.progress().finish();
    cli::Result& result = context.result();
    result.set_metric("common_points", points_.taken());
    result.set_metric("rows_compared", static_cast<std::int64_t>(rows_));
    if (!differing_.rows.empty()) {
      result.add_table(std::move(differing_));
    }
  }

 private:
  static constexpr int most_in_a_row = 9;
  /// Each stays locked, with its indexes, until the point is left.
  static constexpr std::size_t most_relations_at_a_point = 250;

  std::uint64_t rows_to_compare() const {
    postgres::Session target = run_.at(sync::target(direction_)).open("verify");
    return sync::estimated_rows(target, points_.tables());
  }

  void compare_all() {
    for (int given_way = 0; next_ < points_.tables().size(); ++given_way) {
      const std::size_t before = next_;
      points_.take();
      compare_until_disturbed();
      points_.leave();
      given_way = next_ > before ? 0 : given_way;
      if (given_way == most_in_a_row) {
        throw Error(ErrorKind::timeout,
                    fmt::format("unable to verify '{}': it gave way {} times to who waited for a "
                                "lock, at last to {}",
                                points_.tables()[next_].table.text(), given_way + 1, who_),
                    "run `data-sync verify` again when no TRUNCATE and no change of the schema is "
                    "under way");
      }
    }
  }

  void compare_until_disturbed() {
    const std::vector<sync::SyncedTable>& tables = points_.tables();
    const std::size_t first = next_;
    std::size_t relations = 0;
    who_.clear();
    try {
      for (; next_ < tables.size() && relations < most_relations_at_a_point &&
             !points_.somebody_waits() && (next_ == first || !points_.due());
           ++next_) {
        stop_point("verify-table");
        if (!compare(tables[next_])) {
          who_ = "a TRUNCATE";
          break;
        }
        relations += tables[next_].relations.size();
      }
    } catch (const Error& error) {
      if (points_.who().empty() || (error.sqlstate() != postgres::sqlstate::cancelled &&
                                    !postgres::is_lock_conflict(error))) {
        throw;
      }
    }
    if (!points_.who().empty()) {
      who_ = points_.who();
      run_.context().log().info("giving way to {}, which waits for a lock", who_);
    }
  }

  // False when it has to be begun anew.
  bool compare(const sync::SyncedTable& table) {
    const cli::TaskContext& context = run_.context();
    const std::optional<std::uint64_t> pages = points_.pages_at_a_time(table);
    if (!pages) {
      const sync::CommonSnapshot now = points_.present();
      report(sync::compare_table(now.source, now.target, table, direction_, most_differences,
                                 context.stop(), context.progress()));
      return true;
    }
    const std::optional<sync::TableComparison> comparison = sync::compare_in_pieces(
        points_, table, direction_, *pages, most_differences, context.stop(), context.progress());
    if (comparison) {
      report(*comparison);
    }
    return comparison.has_value();
  }

  void report(const sync::TableComparison& comparison) {
    const cli::TaskContext& context = run_.context();
    const std::string name = comparison.table.text();
    rows_ += comparison.source_rows;
    context.result().add_check("table " + name,
                               comparison.equal ? cli::CheckOutcome::pass : cli::CheckOutcome::fail,
                               fmt::format("{} rows in the source, {} in the target",
                                           comparison.source_rows, comparison.target_rows));
    for (const sync::RowDifference& difference : comparison.differences) {
      differing_.rows.push_back({name, difference.key, difference.kind});
    }
  }

  Run& run_;
  Direction direction_;
  SuccessivePoints& points_;
  std::size_t next_ = 0;
  std::uint64_t rows_ = 0;
  std::string who_;
  cli::Table differing_{
      .title = "Rows that differ", .columns = {"table", "key", "how"}, .rows = {}};
};

// `route-switch switch` asks for it.
void remember(const Run& run, Direction direction, const SuccessivePoints& points, bool equal) {
  postgres::Session session = run.at(sync::target(direction)).open("verify");
  sync::record_verification(session, direction,
                            {.equal = equal,
                             .point = points.last(),
                             .at = {},
                             .tables = static_cast<std::int64_t>(points.tables().size())});
}

}  // namespace

void verify(Run& run) {
  const cli::TaskContext& context = run.context();
  const Direction direction =
      context.options().flag("reverse") ? Direction::reverse : Direction::forward;
  SuccessivePoints points(run, direction);
  Comparison(run, direction, points).compare();
  stop_point("verify-compared");
  remember(run, direction, points, !context.result().failed_checks());
  stop_point("verify-recorded");
  context.result().throw_if_check_failed("verify", run.config().name);
}

}  // namespace crossover::data_sync
