#include "sync/table_sql.h"

#include <fmt/format.h>

#include "postgres/quote.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::quote_identifier;
using postgres::quote_literal;

/// The join of several expressions, "a, b".
template <typename Range, typename Expression>
std::string joined(const Range& range, std::string_view separator, Expression&& expression) {
  std::string text;
  std::size_t index = 0;
  for (const auto& element : range) {
    text += (text.empty() ? "" : std::string(separator)) + expression(element, index++);
  }
  return text;
}

std::string quoted_list(const std::vector<std::string>& names) {
  return joined(names, ", ",
                [](const std::string& name, std::size_t) { return quote_identifier(name); });
}

/// t."a", t."b": the carried columns.
std::string carried_columns(const SyncedTable& table) {
  return joined(table.columns, ", ", [](const std::string& column, std::size_t) {
    return "t." + quote_identifier(column);
  });
}

std::string log_keys(const SyncedTable& table) {
  return joined(table.key, ", ",
                [](const std::string&, std::size_t i) { return fmt::format("k{}", i + 1); });
}

// The rows of the keys that are called k. The inner query is kept apart by its OFFSET, so that it
// is an index scan for each key whatever the planner believes: the cost follows the number of
// changes, never the table's size, and one plan serves for all snapshots.
std::string rows_of_keys(const SyncedTable& table, std::string_view keys,
                         std::string_view condition = "") {
  return fmt::format(
      "SELECT r.* FROM {} AS k, LATERAL (SELECT {} FROM {} AS t WHERE {}{} OFFSET 0) AS r", keys,
      carried_columns(table), table.only(), key_match_sql(table, "k.k{0}"), condition);
}

// The log's columns have the type and collation of the key, so a row is found once.
std::string rows_since(const SyncedTable& table, std::string_view snapshot) {
  return rows_of_keys(table, fmt::format("(SELECT DISTINCT {} FROM {} WHERE {})", log_keys(table),
                                         log_name(table), logged_since_sql(snapshot)));
}

/// unnest($1::text[], $2::text[]) AS u(v1, v2)
std::string unnested(std::size_t count) {
  std::string parameters;
  std::string names;
  for (std::size_t i = 1; i <= count; ++i) {
    parameters += fmt::format("{}${}::text[]", i == 1 ? "" : ", ", i);
    names += fmt::format("{}v{}", i == 1 ? "" : ", ", i);
  }
  return fmt::format("unnest({}) AS u({})", parameters, names);
}

// A condition: the row `t` came from the source.
std::string carried(const SyncedTable& table) {
  const std::string key = joined(table.key, ", ", [](const std::string& column, std::size_t) {
    return fmt::format("t.{}::text", quote_identifier(column));
  });
  return fmt::format(
      "NOT EXISTS (SELECT FROM crossover.kept_row r WHERE r.table_id = {} AND r.key = ARRAY[{}])",
      table.id, key);
}

std::string carried_condition(const SyncedTable& table) {
  return table.policy == Policy::merge ? " WHERE " + carried(table) : "";
}

std::string and_carried(const SyncedTable& table) {
  return table.policy == Policy::merge ? " AND " + carried(table) : "";
}

/// What stands before FROM in what is read for finding what differs.
std::string keyed_columns(const SyncedTable& table) {
  const std::string key = joined(table.key, "", [](const std::string& column, std::size_t) {
    return fmt::format("t.{}, ", quote_identifier(column));
  });
  return key + carried_columns(table);
}

/// " WHERE a AND b", of those conditions that are not empty.
std::string where(std::string_view range, std::string_view carried) {
  std::string text(range.empty() ? carried : range);
  if (!range.empty() && !carried.empty()) {
    text += " AND" + std::string(carried.substr(std::string_view(" WHERE").size()));
  }
  return text;
}

std::string range_condition(const PageRange& range) {
  std::string condition;
  if (range.first > 0) {
    condition = fmt::format(" WHERE ctid >= '({},0)'", range.first);
  }
  if (range.end) {
    condition +=
        fmt::format("{} ctid < '({},0)'", condition.empty() ? " WHERE" : " AND", *range.end);
  }
  return condition;
}

std::string key_table(const SyncedTable& table) {
  return fmt::format("pg_temp.crossover_keys_{}", table.id);
}

}  // namespace

// Only entries from the xmin of `snapshot` on can be among them, which is what the log's index is
// for.
std::string logged_since_sql(std::string_view snapshot) {
  return fmt::format(
      "txid >= pg_catalog.txid_snapshot_xmin({0}::pg_catalog.txid_snapshot) "
      "AND NOT pg_catalog.txid_visible_in_snapshot(txid, {0}::pg_catalog.txid_snapshot)",
      snapshot);
}

std::string key_match_sql(const SyncedTable& table, std::string_view expression) {
  return joined(table.key, " AND ", [&](const std::string& column, std::size_t i) {
    const KeyType& type = table.key_types.at(i);
    return fmt::format("t.{} {} {}", quote_identifier(column), type.equals,
                       fmt::format(fmt::runtime(expression), i + 1, type.type));
  });
}

std::string column_list(const SyncedTable& table) { return quoted_list(table.columns); }

std::string key_columns(const SyncedTable& table) { return quoted_list(table.key); }

std::string logged_keys_sql(const SyncedTable& table) {
  return fmt::format(
      "SELECT DISTINCT coalesce(whole, false){}{} FROM {} WHERE {} ORDER BY 1 DESC LIMIT $2",
      table.keyless() ? "" : ", ", log_keys(table), log_name(table), logged_since_sql("$1"));
}

std::string logged_rows_sql(const SyncedTable& table) {
  return rows_since(table, "$1") + " LIMIT $2";
}

std::string whole_logged_sql(const SyncedTable& table, std::string_view snapshot) {
  return fmt::format("SELECT EXISTS (SELECT FROM {} WHERE whole AND {})", log_name(table),
                     logged_since_sql(quote_literal(snapshot)));
}

std::string changed_tables_sql(const std::vector<SyncedTable>& tables, std::size_t begin,
                               std::size_t end) {
  std::string sql;
  for (std::size_t i = begin; i < end; ++i) {
    sql += fmt::format("{}SELECT {} AS id WHERE EXISTS (SELECT FROM {} WHERE {})",
                       i == begin ? "" : " UNION ALL ", tables.at(i).id, log_name(tables.at(i)),
                       logged_since_sql("$1"));
  }
  return sql;
}

std::string logged_count_sql(const SyncedTable& table) {
  return fmt::format("SELECT count(*) FROM {} WHERE {}", log_name(table), logged_since_sql("$1"));
}

std::string logged_size_sql(const SyncedTable& table) {
  return fmt::format(
      "SELECT count(*), coalesce(sum(pg_column_size(l)), 0)::bigint FROM {} l WHERE {}",
      log_name(table), logged_since_sql("$1"));
}

std::string copy_logged_keys_sql(const SyncedTable& table, std::string_view snapshot) {
  return fmt::format("COPY (SELECT DISTINCT {} FROM {} WHERE whole IS NULL AND {}) TO STDOUT",
                     log_keys(table), log_name(table), logged_since_sql(quote_literal(snapshot)));
}

std::string copy_logged_rows_sql(const SyncedTable& table, std::string_view snapshot) {
  return fmt::format("COPY ({}) TO STDOUT", rows_since(table, quote_literal(snapshot)));
}

std::string copy_all_rows_sql(const SyncedTable& table) {
  return fmt::format("COPY (SELECT {} FROM {}) TO STDOUT", column_list(table), table.only());
}

std::string copy_range_sql(const SyncedTable& table, const PageRange& range) {
  return fmt::format("COPY (SELECT {} FROM ONLY {}{}) TO STDOUT", column_list(table),
                     range.relation.quoted(), range_condition(range));
}

std::string delete_keys_sql(const SyncedTable& table) {
  return fmt::format("DELETE FROM {} AS t USING {} WHERE {}{}", table.only(),
                     unnested(table.key.size()), key_match_sql(table, "u.v{0}::{1}"),
                     and_carried(table));
}

std::string insert_rows_sql(const SyncedTable& table) {
  const std::string values = joined(table.types, ", ", [](const std::string& type, std::size_t i) {
    return fmt::format("u.v{}::{}", i + 1, type);
  });
  return fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}",
                     table.table.quoted(), column_list(table), values,
                     unnested(table.columns.size()));
}

std::string select_keys_sql(const SyncedTable& table) {
  return fmt::format("SELECT {} FROM {} AS t WHERE EXISTS (SELECT FROM {} WHERE {}){}",
                     carried_columns(table), table.only(), unnested(table.key.size()),
                     key_match_sql(table, "u.v{0}::{1}"), and_carried(table));
}

std::string copy_in_sql(const SyncedTable& table) {
  return fmt::format("COPY {} ({}) FROM STDIN", table.table.quoted(), column_list(table));
}

std::string delete_carried_sql(const SyncedTable& table) {
  return fmt::format("DELETE FROM {} AS t{}", table.only(), carried_condition(table));
}

std::string copy_carried_rows_sql(const SyncedTable& table) {
  return fmt::format("COPY (SELECT {} FROM {} AS t{}) TO STDOUT", column_list(table), table.only(),
                     carried_condition(table));
}

std::string copy_keyed_rows_sql(const SyncedTable& table, bool carried) {
  return fmt::format("COPY (SELECT {}{}{} FROM {} AS t{}) TO STDOUT", key_columns(table),
                     table.keyless() ? "" : ", ", column_list(table), table.only(),
                     carried ? carried_condition(table) : "");
}

std::string copy_keyed_range_sql(const SyncedTable& table, bool carried, const PageRange& range) {
  return fmt::format("COPY (SELECT {} FROM ONLY {} AS t{}) TO STDOUT", keyed_columns(table),
                     range.relation.quoted(),
                     where(range_condition(range), carried ? carried_condition(table) : ""));
}

// Kept apart by OFFSET as in rows_of_keys.
std::string copy_keyed_rows_sql(const SyncedTable& table, bool carried,
                                const std::vector<std::string>& keys, std::string_view part) {
  const std::string arrays = joined(keys, ", ", [](const std::string& array, std::size_t) {
    return quote_literal(array) + "::text[]";
  });
  const std::string names = joined(
      keys, ", ", [](const std::string&, std::size_t i) { return fmt::format("v{}", i + 1); });
  const std::string condition =
      where(fmt::format(" WHERE {} AND {}", key_match_sql(table, "u.v{0}::{1}"), part),
            carried ? carried_condition(table) : "");
  return fmt::format(
      "COPY (SELECT r.* FROM unnest({}) AS u({}), LATERAL (SELECT {} FROM {} AS t{} OFFSET 0) AS "
      "r) TO STDOUT",
      arrays, names, keyed_columns(table), table.only(), condition);
}

std::string declare_logged_keys_sql(const SyncedTable& table, std::string_view snapshot,
                                    std::string_view cursor) {
  return fmt::format(
      "DECLARE {} NO SCROLL CURSOR FOR SELECT DISTINCT {} FROM {} WHERE whole IS NULL AND {}",
      cursor, log_keys(table), log_name(table), logged_since_sql(quote_literal(snapshot)));
}

std::string create_key_table_sql(const SyncedTable& table) {
  const std::string columns = joined(table.key, ", ", [&](const std::string&, std::size_t i) {
    return fmt::format("k{} {}", i + 1, table.key_types.at(i).column_type());
  });
  return fmt::format("CREATE TEMPORARY TABLE crossover_keys_{} ({})", table.id, columns);
}

std::string copy_key_table_sql(const SyncedTable& table) {
  return fmt::format("COPY {} FROM STDIN", key_table(table));
}

std::string delete_by_key_table_sql(const SyncedTable& table) {
  return fmt::format("DELETE FROM {} AS t USING {} AS u WHERE {}{}", table.only(), key_table(table),
                     key_match_sql(table, "u.k{0}"), and_carried(table));
}

std::string copy_by_key_table_sql(const SyncedTable& table) {
  return fmt::format("COPY ({}) TO STDOUT",
                     rows_of_keys(table, key_table(table), and_carried(table)));
}

std::string drop_key_table_sql(const SyncedTable& table) {
  return fmt::format("DROP TABLE {}", key_table(table));
}

}  // namespace crossover::sync
