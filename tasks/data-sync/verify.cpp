#include "data-sync/verify.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "data-sync/start.h"
#include "sync/drain.h"
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

}  // namespace

void verify(Run& run) {
  const cli::TaskContext& context = run.context();
  const Direction direction =
      context.options().flag("reverse") ? Direction::reverse : Direction::forward;
  postgres::Session target = run.at(sync::target(direction)).open("verify");
  const sync::Migration migration =
      sync::require_migration(target, run.at(sync::target(direction)).describe());
  const auto tables = sync::read_tables(target);
  require_copied(target, direction);
  sync::Drain drain(run.databases(), direction, tables, migration.apply_token,
                    migration.drainer_token, context.log());
  std::optional<postgres::Transaction> snapshot;
  for (int attempt = 0; !snapshot && attempt < 50; ++attempt) {
    context.stop().throw_if_requested();
    const sync::DrainReport report = drain.run_keeping_snapshot();
    snapshot.emplace(target, "ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (!stands_at(target, direction, report.snapshot)) {
      snapshot.reset();
    }
  }
  if (!snapshot) {
    throw Error(ErrorKind::timeout,
                "unable to verify: no common point of both databases in 50 drains",
                "stop other drainers (`data-sync follow`), then run `data-sync verify` again");
  }
  cli::Table differing{.title = "Rows that differ", .columns = {"table", "key", "how"}, .rows = {}};
  for (const sync::SyncedTable& table : tables) {
    const sync::TableComparison comparison = sync::compare_table(
        drain.source_session(), target, table, direction, most_differences, context.stop());
    context.result().add_check("table " + table.table.text(),
                               comparison.equal ? cli::CheckOutcome::pass : cli::CheckOutcome::fail,
                               fmt::format("{} rows in the source, {} in the target",
                                           comparison.source_rows, comparison.target_rows));
    for (const sync::RowDifference& difference : comparison.differences) {
      differing.rows.push_back({table.table.text(), difference.key, difference.kind});
    }
  }
  drain.rollback();
  if (!differing.rows.empty()) {
    context.result().add_table(std::move(differing));
  }
  context.result().throw_if_check_failed("verify", run.config().name);
}

}  // namespace crossover::data_sync
