#pragma once

#include <string>
#include <string_view>

#include "sync/synced_table.h"

namespace crossover::sync {

/// The statements of lost_rows.h, on the target but where it says otherwise. Pure.

/// A temporary table of keys that differ, what was done to each as far as one can see (insert,
/// update, delete), whether the source has logged it since the mark, and whether one of these
/// entries may be of the write that the target has carried; `logged` and `doubtful` of all keys.
std::string create_differing_sql(const SyncedTable& table, bool logged, bool doubtful);
std::string copy_differing_sql(const SyncedTable& table);
std::string drop_differing_sql(const SyncedTable& table);
/// Source. The keys logged since the snapshot `mark`, for COPY, and whether an entry of each is
/// visible in the snapshot `carried`.
std::string copy_logged_since_sql(const SyncedTable& table, std::string_view mark,
                                  std::string_view carried);
/// Source. Whether anything was logged of the whole table since the snapshot `mark`, and whether
/// one of these entries is visible in `carried`.
std::string whole_logged_since_sql(const SyncedTable& table, std::string_view mark,
                                   std::string_view carried);
/// A temporary table for them, its COPY, and the one table told by the other.
std::string create_logged_sql(const SyncedTable& table);
std::string copy_logged_sql(const SyncedTable& table);
std::string mark_logged_sql(const SyncedTable& table);

/// Keeps rows; answers with how many, and how many of these are not certain. `mark`: a snapshot of
/// the target.
std::string save_given_way_sql(const SyncedTable& table, std::string_view mark);
std::string save_deleted_sql(const SyncedTable& table);
/// $1 the operation, $2 whether it is certain, $3 a row as COPY writes it.
std::string save_row_sql(const SyncedTable& table);
std::string delete_differing_sql(const SyncedTable& table);
/// Whether the table has a row that `mark` does not see.
std::string any_row_since_sql(const SyncedTable& table, std::string_view mark);

}  // namespace crossover::sync
