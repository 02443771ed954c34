#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// How the changes of one table are carried in one drain.
enum class Carry {
  nothing,  ///< nothing was logged
  keys,     ///< few keys of narrow rows: as parameters, all tables in one round trip
  stream,   ///< many keys or wide rows: by COPY through a temporary table
  whole,    ///< after TRUNCATE, and for keyless tables: the table as it is
};

/// What one drain does for one table.
struct TableBatch {
  const SyncedTable* table = nullptr;
  std::string since;  ///< S0 of this table
  Carry carry = Carry::nothing;
  std::vector<std::string> key_arrays;  ///< one text[] a key column, for Carry::keys
  std::size_t key_count = 0;
  postgres::Rows rows;  ///< the source's present rows of those keys, for Carry::keys
};

/// From this many changed keys of one table on, they are streamed instead of being held in memory.
inline constexpr int most_keys_in_memory = 5000;

/// What the rows of one drain may take of memory (Rows::bytes), all tables together; what does not
/// fit is streamed. Where they are written and compared there are up to four copies of them.
inline constexpr std::uint64_t most_bytes_in_memory = std::uint64_t{4} << 20U;

/// Decides how a table is carried from the answer of logged_keys_sql, and takes keys and rows where
/// they are few; `rows` are all rows of these keys, or nothing where they are too many. Of keys
/// that were left out it is not known whether the whole table is to be carried: they are streamed.
TableBatch plan_batch(const SyncedTable& table, std::string since, const postgres::Rows& logged,
                      std::optional<postgres::Rows> rows);

/// One text[] a column of `rows`.
std::vector<postgres::Param> column_arrays(const postgres::Rows& rows);

/// Whether both results hold the same rows, in whatever order. Compares the text forms.
bool same_rows(const postgres::Rows& left, const postgres::Rows& right);

}  // namespace crossover::sync
