#include "sync/salvage_sql.h"

#include <fmt/format.h>

#include <functional>

#include "postgres/quote.h"
#include "sync/table_sql.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::quote_identifier;
using postgres::quote_literal;

constexpr std::string_view row_as_json = "to_json(t.*)::text";

std::string listed(std::size_t count, const std::function<std::string(std::size_t)>& expression,
                   std::string_view separator = ", ") {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += (i == 0 ? std::string() : std::string(separator)) + expression(i);
  }
  return text;
}

std::string numbered_keys(const SyncedTable& table, std::string_view prefix) {
  return listed(table.key.size(),
                [&](std::size_t i) { return fmt::format("{}k{}", prefix, i + 1); });
}

// What two rows `t` are compared by, and how they are shown: not as jsonb, which does not take all
// that is JSON. The row is t.*, since a column may bear the name t.
std::string content_of(const SyncedTable& table) {
  return fmt::format("ROW({})::text", listed(table.columns.size(), [&](std::size_t i) {
                       return "t." + quote_identifier(table.columns[i]);
                     }));
}

// The digest of that, and how long the row is when it is shown.
std::string digest_of(const SyncedTable& table) {
  return fmt::format("encode(sha256(textsend({})), 'hex') AS digest, octet_length({}) AS bytes",
                     content_of(table), row_as_json);
}

// The key's columns as text, and as a JSON object; `column` gives the expression of each.
std::string shown_key(const SyncedTable& table,
                      const std::function<std::string(std::size_t)>& column) {
  return fmt::format("{}, jsonb_build_object({})::text",
                     listed(table.key.size(), [&](std::size_t i) { return column(i) + "::text"; }),
                     listed(table.key.size(), [&](std::size_t i) {
                       return quote_literal(table.key[i]) + ", " + column(i);
                     }));
}

/// unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(v1, v2, place)
std::string unnested_keys(const SyncedTable& table) {
  const std::size_t count = table.key.size();
  return fmt::format("unnest({}) WITH ORDINALITY AS u({}, place)",
                     listed(count, [](std::size_t i) { return fmt::format("${}::text[]", i + 1); }),
                     listed(count, [](std::size_t i) { return fmt::format("v{}", i + 1); }));
}

// By the key's index for each key, as a drain reads them.
std::string row_of_key(const SyncedTable& table, const std::string& columns) {
  return fmt::format("LEFT JOIN LATERAL (SELECT {} FROM {} AS t WHERE {} OFFSET 0) AS r ON true",
                     columns, table.only(), key_match_sql(table, "u.v{0}::{1}"));
}

std::string logged_key_table(const SyncedTable& table) {
  return fmt::format("crossover_logged_{}", table.id);
}

}  // namespace

std::string present_columns_sql(const SyncedTable& table) {
  return fmt::format(
      "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass({}) AND attnum > 0 "
      "AND NOT attisdropped AND attgenerated = ''",
      quote_literal(table.table.quoted()));
}

std::string uncarried_keys_sql(const SyncedTable& table, std::string_view snapshot) {
  const auto column = [](std::size_t i) { return fmt::format("k.k{}", i + 1); };
  return fmt::format(
      "SELECT {} FROM (SELECT DISTINCT {} FROM {} WHERE whole IS NULL AND {}) AS k ORDER BY {}",
      shown_key(table, column), numbered_keys(table, ""), log_name(table),
      logged_since_sql(quote_literal(snapshot)), numbered_keys(table, "k."));
}

std::string all_keys_sql(const SyncedTable& table) {
  const auto column = [&](std::size_t i) { return "t." + quote_identifier(table.key[i]); };
  return fmt::format("SELECT {} FROM {} AS t ORDER BY {}", shown_key(table, column), table.only(),
                     listed(table.key.size(), column));
}

std::string create_logged_keys_sql(const SyncedTable& table, std::string_view snapshot) {
  return fmt::format(
      "CREATE TEMPORARY TABLE {0} ON COMMIT DROP AS SELECT DISTINCT {1} FROM {2} WHERE whole IS "
      "NULL AND {3};\n"
      "CREATE INDEX ON pg_temp.{0} ({1});\n",
      logged_key_table(table), numbered_keys(table, ""), log_name(table),
      logged_since_sql(quote_literal(snapshot)));
}

std::string present_rows_sql(const SyncedTable& table, bool logged) {
  const std::string match = listed(
      table.key.size(),
      [&](std::size_t i) {
        const KeyType& type = table.key_types.at(i);
        return fmt::format("w.k{0} {1} u.v{0}::{2}", i + 1, type.equals, type.type);
      },
      " AND ");
  return fmt::format(
      "SELECT r.digest, r.bytes, {} FROM {} {}{} ORDER BY u.place",
      logged ? "w.there IS NOT NULL" : "NULL::boolean", unnested_keys(table),
      row_of_key(table, digest_of(table)),
      logged ? fmt::format(" LEFT JOIN LATERAL (SELECT true AS there FROM pg_temp.{} AS w WHERE {} "
                           "LIMIT 1) AS w ON true",
                           logged_key_table(table), match)
             : "");
}

std::string shown_rows_sql(const SyncedTable& table) {
  return fmt::format("SELECT r.shown FROM {} {} ORDER BY u.place", unnested_keys(table),
                     row_of_key(table, fmt::format("{} AS shown", row_as_json)));
}

std::string all_digests_sql(const SyncedTable& table) {
  return fmt::format("SELECT {} FROM {} AS t ORDER BY {} COLLATE \"C\"", digest_of(table),
                     table.only(), content_of(table));
}

std::string all_shown_sql(const SyncedTable& table) {
  return fmt::format("SELECT {} FROM {} AS t ORDER BY {} COLLATE \"C\"", row_as_json, table.only(),
                     content_of(table));
}

}  // namespace crossover::sync
