#include "sync/verify.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <set>

#include "postgres/quote.h"
#include "sync/row_digest.h"
#include "sync/table_sql.h"

namespace crossover::sync {
namespace {

using postgres::Session;

constexpr std::size_t bucket_count = 16384;

// Calls `visit(key, row)` for each row; the key is the first fields of the text, the row all of it.
void visit_rows(Session& session, const SyncedTable& table, bool carried, const StopRequest& stop,
                const std::function<void(std::string_view, std::string_view)>& visit) {
  postgres::CopyOut out = session.copy_out(copy_keyed_rows_sql(table, carried));
  for (std::string_view row; out.read(row);) {
    stop.throw_if_requested();
    std::size_t end = 0;
    for (std::size_t k = 0; k < table.key.size(); ++k) {
      end = row.find('\t', end) + 1;
    }
    visit(table.keyless() ? row : row.substr(0, end - 1), row);
  }
}

std::size_t bucket_of(std::string_view key) {
  return std::hash<std::string_view>{}(key) % bucket_count;
}

std::vector<RowDigest> digest_buckets(Session& session, const SyncedTable& table, bool carried,
                                      const StopRequest& stop) {
  std::vector<RowDigest> buckets(bucket_count);
  visit_rows(session, table, carried, stop,
             [&](std::string_view key, std::string_view row) { buckets[bucket_of(key)].add(row); });
  return buckets;
}

// Rows of the buckets that differ; a key that stands twice (a keyless table's equal rows) is
// counted.
using RowsByKey = std::map<std::string, std::multiset<std::string>, std::less<>>;

RowsByKey rows_of_buckets(Session& session, const SyncedTable& table, bool carried,
                          const std::set<std::size_t>& wanted, const StopRequest& stop) {
  RowsByKey rows;
  visit_rows(session, table, carried, stop, [&](std::string_view key, std::string_view row) {
    if (wanted.contains(bucket_of(key))) {
      rows[std::string(key)].insert(std::string(row));
    }
  });
  return rows;
}

std::vector<RowDifference> differences(Session& source, Session& target, const SyncedTable& table,
                                       Direction direction, std::size_t most,
                                       const StopRequest& stop) {
  const bool source_is_new = direction == Direction::reverse;
  const auto left = digest_buckets(source, table, source_is_new, stop);
  const auto right = digest_buckets(target, table, !source_is_new, stop);
  std::set<std::size_t> wanted;
  for (std::size_t i = 0; i < bucket_count && wanted.size() < most; ++i) {
    if (left[i] != right[i]) {
      wanted.insert(i);
    }
  }
  const RowsByKey here = rows_of_buckets(source, table, source_is_new, wanted, stop);
  const RowsByKey there = rows_of_buckets(target, table, !source_is_new, wanted, stop);
  std::vector<RowDifference> found;
  for (const auto& [key, rows] : here) {
    const auto other = there.find(key);
    if (other == there.end()) {
      found.push_back({key, "only in source"});
    } else if (other->second != rows) {
      found.push_back({key, "different"});
    }
  }
  for (const auto& [key, rows] : there) {
    if (!here.contains(key)) {
      found.push_back({key, "only in target"});
    }
  }
  if (found.size() > most) {
    found.resize(most);
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
  const RowDigest left = digest_copy(source, sql(!forward));
  stop.throw_if_requested();
  const RowDigest right = digest_copy(target, sql(forward));
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
