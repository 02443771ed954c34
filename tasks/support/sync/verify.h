#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/stop.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/read_in_pieces.h"
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

/// Common points of both databases, one after another.
class CommonPoints {
 public:
  CommonPoints() = default;
  CommonPoints(const CommonPoints&) = delete;
  CommonPoints& operator=(const CommonPoints&) = delete;
  virtual ~CommonPoints() = default;
  virtual CommonSnapshot present() = 0;
  /// Whether the present one has been held for long enough. Thread-safe.
  virtual bool due() const = 0;
  using CarryOver = std::function<bool(const CommonSnapshot& from, const CommonSnapshot& to)>;
  /// Takes a later one, calls `carry_over` while both are open, and lets go of the former. False
  /// when what was read at the former is of no use any more.
  virtual bool move_on(const CarryOver& carry_over) = 0;
};

/// The same comparison for a table that is read in ranges of `pages` pages, and that may take
/// longer than a snapshot is to be held (ReadInPieces). Both sides are compared as they are at the
/// point that is the present one at the end: what the service changes in between is looked at
/// again, where it may have been read before. Nothing when that has become impossible: begin anew.
std::optional<TableComparison> compare_in_pieces(CommonPoints& points, const SyncedTable& table,
                                                 Direction direction, std::uint64_t pages,
                                                 std::size_t most_differences,
                                                 const StopRequest& stop, Progress& progress);

/// How many rows the tables have by the planner's statistics: for progress.
std::uint64_t estimated_rows(postgres::Session& session, const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
