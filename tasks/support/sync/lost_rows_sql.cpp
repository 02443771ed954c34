#include "sync/lost_rows_sql.h"

#include <fmt/format.h>

#include "postgres/quote.h"
#include "sync/table_sql.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

std::string differing(const SyncedTable& table) {
  return fmt::format("pg_temp.crossover_differing_{}", table.id);
}

std::string logged(const SyncedTable& table) {
  return fmt::format("pg_temp.crossover_logged_{}", table.id);
}

std::string key_definitions(const SyncedTable& table) {
  std::string list;
  for (std::size_t i = 0; i < table.key_types.size(); ++i) {
    list += fmt::format("{}k{} {}", i == 0 ? "" : ", ", i + 1, table.key_types[i].column_type());
  }
  return list;
}

std::string key_names(const SyncedTable& table) {
  std::string list;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    list += fmt::format("{}k{}", i == 0 ? "" : ", ", i + 1);
  }
  return list;
}

// Whether the row `t` was written since `mark`, a snapshot of this server. A row has the lower half
// of its transaction's id, which is taken for the next one around the present. So a very old row
// may be taken for a new one, and never the other way round.
std::string since_sql(std::string_view mark) {
  constexpr std::string_view next =
      "pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot())";
  const std::string near = fmt::format("({0} - {0} % 4294967296 + t.xmin::text::bigint)", next);
  return fmt::format(
      "NOT pg_catalog.txid_visible_in_snapshot({0} - CASE WHEN {0} > {1} + 2147483648 "
      "THEN 4294967296 ELSE 0 END, {2}::pg_catalog.txid_snapshot)",
      near, next, postgres::quote_literal(mark));
}

std::string any_carried_sql(std::string_view carried) {
  return fmt::format(
      "bool_or(pg_catalog.txid_visible_in_snapshot(txid, {}::pg_catalog.txid_snapshot))",
      postgres::quote_literal(carried));
}

std::string counted(const std::string& insert) {
  return fmt::format(
      "WITH saved AS ({} RETURNING certain) "
      "SELECT count(*), count(*) FILTER (WHERE NOT certain) FROM saved",
      insert);
}

// The row is t.*, since a column may bear the name t.
std::string save_sql(const SyncedTable& table, const std::string& condition) {
  return counted(fmt::format(
      "INSERT INTO crossover.saved_row (table_id, operation, certain, content) "
      "SELECT {}, u.operation, NOT u.doubtful, to_json(t.*) FROM {} AS t JOIN {} AS u ON {} WHERE "
      "{}",
      table.id, table.only(), differing(table), key_match_sql(table, "u.k{0}"), condition));
}

}  // namespace

std::string create_differing_sql(const SyncedTable& table, bool logged, bool doubtful) {
  return fmt::format(
      "CREATE TEMPORARY TABLE crossover_differing_{} ({}, operation text, "
      "logged boolean NOT NULL DEFAULT {}, doubtful boolean NOT NULL DEFAULT {})",
      table.id, key_definitions(table), logged, doubtful);
}

std::string copy_differing_sql(const SyncedTable& table) {
  return fmt::format("COPY {} ({}, operation) FROM STDIN", differing(table), key_names(table));
}

std::string drop_differing_sql(const SyncedTable& table) {
  return fmt::format("DROP TABLE IF EXISTS {}, {}", differing(table), logged(table));
}

std::string create_logged_sql(const SyncedTable& table) {
  return fmt::format("CREATE TEMPORARY TABLE crossover_logged_{} ({}, doubtful boolean)", table.id,
                     key_definitions(table));
}

std::string copy_logged_sql(const SyncedTable& table) {
  return fmt::format("COPY {} FROM STDIN", logged(table));
}

std::string mark_logged_sql(const SyncedTable& table) {
  std::string match;
  for (std::size_t i = 0; i < table.key_types.size(); ++i) {
    match += fmt::format("{}u.k{} {} l.k{}", i == 0 ? "" : " AND ", i + 1,
                         table.key_types[i].equals, i + 1);
  }
  return fmt::format(
      "UPDATE {} AS u SET logged = true, doubtful = l.doubtful FROM {} AS l WHERE {}",
      differing(table), logged(table), match);
}

std::string copy_logged_since_sql(const SyncedTable& table, std::string_view mark,
                                  std::string_view carried) {
  return fmt::format(
      "COPY (SELECT {0}, {1} FROM {2} WHERE whole IS NULL AND {3} GROUP BY {0}) TO STDOUT",
      key_names(table), any_carried_sql(carried), log_name(table),
      logged_since_sql(postgres::quote_literal(mark)));
}

std::string whole_logged_since_sql(const SyncedTable& table, std::string_view mark,
                                   std::string_view carried) {
  return fmt::format("SELECT count(*) > 0, coalesce({}, false) FROM {} WHERE whole AND {}",
                     any_carried_sql(carried), log_name(table),
                     logged_since_sql(postgres::quote_literal(mark)));
}

std::string save_given_way_sql(const SyncedTable& table, std::string_view mark) {
  return save_sql(table, fmt::format("NOT u.logged OR {}", since_sql(mark)));
}

std::string save_deleted_sql(const SyncedTable& table) {
  return save_sql(table, "u.operation = 'delete' AND NOT u.logged");
}

std::string save_row_sql(const SyncedTable& table) {
  return fmt::format(
      "INSERT INTO crossover.saved_row (table_id, operation, certain, content) "
      "VALUES ({}, $1, $2::boolean, to_json($3::text))",
      table.id);
}

std::string delete_differing_sql(const SyncedTable& table) {
  return fmt::format("DELETE FROM {} AS t USING {} AS u WHERE {}", table.only(), differing(table),
                     key_match_sql(table, "u.k{0}"));
}

std::string any_row_since_sql(const SyncedTable& table, std::string_view mark) {
  return fmt::format("SELECT EXISTS (SELECT FROM {} AS t WHERE {})", table.only(), since_sql(mark));
}

}  // namespace crossover::sync
