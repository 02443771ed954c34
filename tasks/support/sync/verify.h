#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/stop.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// A row that is not the same on both sides.
struct RowDifference {
  std::string
      key;  ///< key columns as COPY writes them, tab-separated; the whole row for a keyless table
  std::string kind;  ///< "only in source", "only in target", "different"
};

struct TableComparison {
  TableName table;
  bool equal = false;
  std::uint64_t source_rows = 0;
  std::uint64_t target_rows = 0;
  std::vector<RowDifference> differences;  ///< the first ones
  std::string digest;                      ///< of the source's rows
};

/// Compares all rows of one table. Both sessions must be in snapshots of the same point. Reads each
/// side as one stream and keeps only sums; when those differ, the rows are sorted into buckets by
/// key, and only the buckets that differ are read again. Rows of a `merge` table that only the
/// target had before the copy are left out. The source's rows are added to
/// `progress`.
TableComparison compare_table(postgres::Session& source, postgres::Session& target,
                              const SyncedTable& table, Direction direction,
                              std::size_t most_differences, const StopRequest& stop,
                              Progress& progress);

/// How many rows the tables have by the planner's statistics: for progress.
std::uint64_t estimated_rows(postgres::Session& session, const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
