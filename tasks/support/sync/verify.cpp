#include "sync/verify.h"

#include "base/parallel.h"
#include "sync/row_difference.h"
#include "sync/row_digest.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Session;

std::vector<RowDifference> differences(Session& source, Session& target, const SyncedTable& table,
                                       Direction direction, std::size_t most,
                                       const StopRequest& stop) {
  std::vector<RowDifference> found;
  for (const auto& [key, rows] : differing_rows(source, target, table, direction, most, stop)) {
    if (found.size() < most) {
      found.push_back({key, std::string(kind(rows))});
    }
  }
  return found;
}

}  // namespace

TableComparison compare_table(Session& source, Session& target, const SyncedTable& table,
                              Direction direction, std::size_t most_differences,
                              const StopRequest& stop) {
  // The rows that only the new side had are known there, whichever way is being carried.
  const bool forward = direction == Direction::forward;
  const auto sql = [&](bool new_side) {
    return new_side ? copy_carried_rows_sql(table) : copy_all_rows_sql(table);
  };
  RowDigest left;
  RowDigest right;
  run_parallel(2, [&](unsigned worker, const GivenUp&) {
    if (worker == 0) {
      left = digest_copy(source, sql(!forward));
    } else {
      right = digest_copy(target, sql(forward));
    }
  });
  stop.throw_if_requested();
  TableComparison comparison;
  comparison.table = table.table;
  comparison.source_rows = left.rows();
  comparison.target_rows = right.rows();
  comparison.digest = left.hex();
  comparison.equal = left == right;
  if (!comparison.equal) {
    comparison.differences = differences(source, target, table, direction, most_differences, stop);
  }
  return comparison;
}

}  // namespace crossover::sync
