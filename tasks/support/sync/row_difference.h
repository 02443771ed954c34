#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/stop.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The rows of one key on both sides, as COPY writes them with their key columns in front, line end
/// included. Several only in a keyless table, whose key is the row.
struct KeyRows {
  std::multiset<std::string> source;
  std::multiset<std::string> target;
};
/// By key: the key columns as COPY writes them, tab-separated; the whole row for a keyless table.
using RowsByKey = std::map<std::string, KeyRows, std::less<>>;

/// The rows of one table that differ. Both sessions must be in snapshots of the same point. Each
/// side is read as one stream into the digests of 16,384 buckets by key; only the rows of buckets
/// that differ, at most `most_buckets`, are read again and kept. Rows of a `merge` table that only
/// the target had before the copy are left out.
RowsByKey differing_rows(postgres::Session& source, postgres::Session& target,
                         const SyncedTable& table, Direction direction, std::size_t most_buckets,
                         const StopRequest& stop);

/// "only in source", "only in target" or "different".
std::string_view kind(const KeyRows& rows);

}  // namespace crossover::sync
