#pragma once

#include <string>
#include <string_view>

#include "sync/synced_table.h"

namespace crossover::sync {

/// The statements by which what was written to a database that was given up is held against the one
/// that the service has gone back to, as text. Pure. All but the last two are of tables with keys,
/// and those without parameters can be declared as a cursor.
///
/// Two rows are compared by the digest of the text of a row value of the table's `columns`. A row
/// is shown as a JSON object of all that it has, which may be of several lines.

/// The names of the columns that the table has, but for generated ones; none when
/// there is no such table.
std::string present_columns_sql(const SyncedTable& table);
/// Keys logged since `snapshot`, in order: the key's columns as text, and the key as JSON.
std::string uncarried_keys_sql(const SyncedTable& table, std::string_view snapshot);
/// All keys, in order: the same columns.
std::string all_keys_sql(const SyncedTable& table);
/// Keeps the keys logged since `snapshot` in a temporary table with an index, until the transaction
/// ends: the log, which has no such index, is read once, not for every batch of keys.
std::string create_logged_keys_sql(const SyncedTable& table, std::string_view snapshot);
/// One text[] a key column; for each key, in their order: the digest of its row, and how long that
/// is when it is shown, NULL where there is none, and whether the key is in the table that
/// create_logged_keys_sql has made; NULL where that is not asked for.
std::string present_rows_sql(const SyncedTable& table, bool logged);
/// The same parameters; for each key, in their order: its row as it is shown.
std::string shown_rows_sql(const SyncedTable& table);
/// Of every row its digest, and how long it is when it is shown; in one order with
std::string all_digests_sql(const SyncedTable& table);
/// every row as it is shown.
std::string all_shown_sql(const SyncedTable& table);

}  // namespace crossover::sync
