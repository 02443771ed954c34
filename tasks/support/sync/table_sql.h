#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sync/copy_plan.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The statements by which rows of one table are read and written, as text. Pure.
///
/// Rows travel in PostgreSQL's text form and are cast to the column's type on the target, one
/// text[] parameter a column, so that a statement is the same for any number of rows and can be
/// prepared.

/// A condition on the log's rows: what the reading transaction's own snapshot (S1) sees of them and
/// `snapshot` (S0, an expression) did not.
std::string logged_since_sql(std::string_view snapshot);
/// A condition: the row `t` has that key. `expression` has the number (from 1) and the type of the
/// key column for {0} and {1}.
std::string key_match_sql(const SyncedTable& table, std::string_view expression);

/// "a", "b": the carried columns.
std::string column_list(const SyncedTable& table);
/// "k1", "k2": the key columns of the table.
std::string key_columns(const SyncedTable& table);

/// Source. $1 the snapshot S0 as text; the keys logged since and, in the first column, whether the
/// whole table may have changed. At most $2 rows.
std::string logged_keys_sql(const SyncedTable& table);
/// Source. $1 S0; the present rows of those keys, at most $2.
std::string logged_rows_sql(const SyncedTable& table);
/// Source. Whether the whole table may have changed since `snapshot`.
std::string whole_logged_sql(const SyncedTable& table, std::string_view snapshot);
/// Source. $1 S0; the ids of those of `tables` from `begin` up to `end` that have anything logged
/// since: a row each.
std::string changed_tables_sql(const std::vector<SyncedTable>& tables, std::size_t begin,
                               std::size_t end);
/// Source. $1 S0; how many entries were logged since.
std::string logged_count_sql(const SyncedTable& table);
/// The same, and their size in bytes.
std::string logged_size_sql(const SyncedTable& table);
/// The same as logged_keys_sql and logged_rows_sql, with S0 written into the statement, for COPY
/// (...) TO STDOUT.
std::string copy_logged_keys_sql(const SyncedTable& table, std::string_view snapshot);
std::string copy_logged_rows_sql(const SyncedTable& table, std::string_view snapshot);
/// All rows, for COPY.
std::string copy_all_rows_sql(const SyncedTable& table);
/// Source. The rows in a range of pages of one of the table's relations, for COPY.
std::string copy_range_sql(const SyncedTable& table, const PageRange& range);
/// Target. The rows that came from the source: all, but for rows of a merged table that only the
/// target had.
std::string copy_carried_rows_sql(const SyncedTable& table);
/// Either side. The same rows with their key in front, for finding what differs.
/// `carried`: without the rows that only the new side had.
std::string copy_keyed_rows_sql(const SyncedTable& table, bool carried);
/// Either side. Those of them in a range of pages of one of the table's relations.
std::string copy_keyed_range_sql(const SyncedTable& table, bool carried, const PageRange& range);
/// Either side. Those of them that have one of these keys, an array of texts a key column, and for
/// which `part`, a condition on the row `t`, is true.
std::string copy_keyed_rows_sql(const SyncedTable& table, bool carried,
                                const std::vector<std::string>& keys, std::string_view part);
/// Source. A cursor of that name over the keys that were logged since `snapshot`, as text.
std::string declare_logged_keys_sql(const SyncedTable& table, std::string_view snapshot,
                                    std::string_view cursor);

/// What follows says "carried" of a target's rows that came from the source: all, but for those of
/// a merged table that only the target had.

/// Target. One text[] a key column: deletes those rows that are carried.
std::string delete_keys_sql(const SyncedTable& table);
/// Target. One text[] a carried column: inserts the rows, identity columns included.
std::string insert_rows_sql(const SyncedTable& table);
/// Target. One text[] a key column: reads those rows that are carried, for comparing.
std::string select_keys_sql(const SyncedTable& table);
/// Target. COPY ... FROM STDIN.
std::string copy_in_sql(const SyncedTable& table);
/// Target. Everything that came from the source: all rows, but for rows of a merged table that only
/// the target had.
std::string delete_carried_sql(const SyncedTable& table);
/// Target. A temporary table for many keys, its COPY, and the deletion of carried rows by it.
std::string create_key_table_sql(const SyncedTable& table);
std::string copy_key_table_sql(const SyncedTable& table);
std::string delete_by_key_table_sql(const SyncedTable& table);
/// Target. The carried rows of those keys, for COPY, for comparing.
std::string copy_by_key_table_sql(const SyncedTable& table);
std::string drop_key_table_sql(const SyncedTable& table);

}  // namespace crossover::sync
