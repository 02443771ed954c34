#include "sync/verify.h"

#include "base/parallel.h"
#include "sync/array.h"
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
                              const StopRequest& stop, Progress& progress) {
  // The rows that only the new side had are known there, whichever way is being carried.
  const bool forward = direction == Direction::forward;
  const auto sql = [&](bool new_side) {
    return new_side ? copy_carried_rows_sql(table) : copy_all_rows_sql(table);
  };
  RowDigest left;
  RowDigest right;
  run_parallel(2, [&](unsigned worker, const GivenUp&) {
    if (worker == 0) {
      left = digest_copy(source, sql(!forward), progress);
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

std::uint64_t estimated_rows(Session& session, const std::vector<SyncedTable>& tables) {
  const postgres::Rows rows = session.query(
      "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_catalog.pg_class "
      "WHERE relkind = 'r' AND oid = ANY (SELECT to_regclass(n) FROM unnest($1::text[]) n)",
      {text_array(relation_names(tables))});
  return static_cast<std::uint64_t>(rows.int64(0, 0));
}

}  // namespace crossover::sync
