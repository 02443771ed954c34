#include "sync/verify.h"

#include <set>
#include <utility>

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

namespace {

using Take = SideInPieces::Take;

void give(RowDigest& digest, std::string_view row, bool there) {
  there ? digest.add(row) : digest.remove(row);
}

/// A table that is read once or more often, each time in pieces.
class InPieces {
 public:
  InPieces(CommonPoints& points, const SyncedTable& table, Direction direction, std::uint64_t pages,
           const StopRequest& stop, Progress& progress)
      : points_(points),
        table_(table),
        direction_(direction),
        pages_(pages),
        stop_(stop),
        progress_(progress) {}

  /// Whether it came to its end.
  bool read(Take source, Take target) {
    ReadInPieces reading(table_, direction_, points_.present(), pages_, std::move(source),
                         std::move(target));
    while (!reading.read(
        points_.present(), [&] { return points_.due(); }, stop_, progress_)) {
      if (!points_.move_on([&](const CommonSnapshot& from, const CommonSnapshot& to) {
            return reading.move(from, to);
          })) {
        return false;
      }
    }
    return true;
  }

 private:
  CommonPoints& points_;
  const SyncedTable& table_;
  Direction direction_;
  std::uint64_t pages_;
  const StopRequest& stop_;
  Progress& progress_;
};

// As differing_rows, at later points: a row that was put right since the sums were made is not
// among them.
std::optional<RowsByKey> differing_in_pieces(InPieces& pieces, std::size_t most_buckets) {
  std::vector<RowDigest> left(bucket_count);
  std::vector<RowDigest> right(bucket_count);
  const auto sort_into = [](std::vector<RowDigest>& buckets) {
    return [&buckets](std::string_view key, std::string_view row, bool there) {
      give(buckets[bucket_of(key)], row, there);
    };
  };
  if (!pieces.read(sort_into(left), sort_into(right))) {
    return std::nullopt;
  }
  std::set<std::size_t> wanted;
  for (std::size_t i = 0; i < bucket_count && wanted.size() < most_buckets; ++i) {
    if (left[i] != right[i]) {
      wanted.insert(i);
    }
  }
  RowsByKey sources;
  RowsByKey targets;  // of their own, as both are read at once
  const auto keep = [&wanted](RowsByKey& rows, RowDigest KeyRows::*side) {
    return [&wanted, &rows, side](std::string_view key, std::string_view row, bool there) {
      if (wanted.contains(bucket_of(key))) {
        give(rows[std::string(key)].*side, row, there);
      }
    };
  };
  if (!wanted.empty() &&
      !pieces.read(keep(sources, &KeyRows::source), keep(targets, &KeyRows::target))) {
    return std::nullopt;
  }
  for (const auto& [key, rows] : targets) {
    sources[key].target = rows.target;
  }
  std::erase_if(sources,
                [](const auto& entry) { return entry.second.source == entry.second.target; });
  return sources;
}

}  // namespace

std::optional<TableComparison> compare_in_pieces(CommonPoints& points, const SyncedTable& table,
                                                 Direction direction, std::uint64_t pages,
                                                 std::size_t most_differences,
                                                 const StopRequest& stop, Progress& progress) {
  RowDigest left;
  RowDigest right;
  const auto sum = [](RowDigest& digest) {
    return
        [&digest](std::string_view, std::string_view row, bool there) { give(digest, row, there); };
  };
  if (!InPieces(points, table, direction, pages, stop, progress).read(sum(left), sum(right))) {
    return std::nullopt;
  }
  TableComparison comparison{table.table, left == right, left.rows(), right.rows(), {}, left.hex()};
  if (comparison.equal) {
    return comparison;
  }
  NoProgress again;  // its rows were counted
  InPieces pieces(points, table, direction, pages, stop, again);
  const std::optional<RowsByKey> rows = differing_in_pieces(pieces, most_differences);
  if (!rows) {
    return std::nullopt;
  }
  for (const auto& [key, sides] : *rows) {
    if (comparison.differences.size() < most_differences) {
      comparison.differences.push_back({key, std::string(kind(sides))});
    }
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
