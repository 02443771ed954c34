#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/stop.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/row_digest.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The rows of one key on both sides: how many, and what they are. Several only in a keyless table,
/// where equal rows have one key.
struct KeyRows {
  RowDigest source;
  RowDigest target;
};
/// By key, as visit_rows gives it.
using RowsByKey = std::map<std::string, KeyRows, std::less<>>;

/// So many buckets are keys sorted into, to find out which differ without keeping them all.
inline constexpr std::size_t bucket_count = 131072;
std::size_t bucket_of(std::string_view key);

/// How long the key is that stands in front of a row of a table with a key, without the tab behind.
std::size_t key_length(const SyncedTable& table, std::string_view keyed_row);

/// Reads all rows of one side as a stream and calls `visit(key, row)` for each: the key columns as
/// COPY writes them, tab-separated, and these with the carried columns behind, line end included.
/// The key of a keyless table is the row; of a long one its beginning and its SHA-256. `carried`:
/// without the rows of a `merge` table that only the new side had.
void visit_rows(postgres::Session& session, const SyncedTable& table, bool carried,
                const StopRequest& stop,
                const std::function<void(std::string_view, std::string_view)>& visit);

/// Which keys are asked for.
enum class Differing {
  all,
  of_target,  ///< those of which the target has a row
};

/// The keys whose rows differ. Both sessions must be in snapshots of the same point. Each side is
/// read as one stream into the digests of 131,072 buckets by key; only the keys of buckets that
/// differ, at most `most_buckets`, are read again and kept: memory grows with the number of keys
/// that differ, not with the width of rows. Rows of a `merge` table that only the target had before
/// the copy are left out.
RowsByKey differing_rows(postgres::Session& source, postgres::Session& target,
                         const SyncedTable& table, Direction direction, std::size_t most_buckets,
                         const StopRequest& stop, Differing which = Differing::all);

/// "only in source", "only in target" or "different".
std::string_view kind(const KeyRows& rows);

}  // namespace crossover::sync
