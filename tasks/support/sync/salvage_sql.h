#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sync/synced_table.h"

namespace crossover::sync {

/// The statements by which what was written to a database that was given up is held against the one
/// that the service has gone back to, as text. Pure. All but the last are of tables with keys, and
/// those without parameters can be declared as a cursor.
///
/// A row is shown twice: as the text of a row value of the table's `columns`, by which two are
/// compared, and as a JSON object of all that it has, which may be of several lines.

/// Either database. The names of the columns that the table has, but for generated ones; none when
/// there is no such table.
std::string present_columns_sql(const SyncedTable& table);
/// The new database. Keys logged since `snapshot`, in order: the key's columns as text, the key as
/// JSON, and its present row twice, NULL where there is none.
std::string uncarried_keys_sql(const SyncedTable& table, std::string_view snapshot);
/// The old database. All keys, in order: the same columns.
std::string all_keys_sql(const SyncedTable& table);
/// The old database. One text[] a key column; for each key, in their order: its row twice, and
/// whether the key has been logged since `snapshot`; NULL where that is not given.
std::string present_rows_sql(const SyncedTable& table, const std::optional<std::string>& snapshot);
/// Either database. Every row, twice.
std::string all_contents_sql(const SyncedTable& table);

}  // namespace crossover::sync
