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

// The carried columns of the row `t` as text, and all of it as JSON: not jsonb, which does not take
// all that is JSON. The row is t.*, since a column may bear the name t.
std::string content_of(const SyncedTable& table) {
  const std::string columns = listed(table.columns.size(), [&](std::size_t i) {
    return "t." + quote_identifier(table.columns[i]);
  });
  return fmt::format("ROW({})::text AS content, to_json(t.*)::text AS shown", columns);
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

// By the key's index for each key, as a drain reads them.
std::string row_of_key(const SyncedTable& table, std::string_view key) {
  return fmt::format("LEFT JOIN LATERAL (SELECT {} FROM {} AS t WHERE {} OFFSET 0) AS r ON true",
                     content_of(table), table.only(), key_match_sql(table, key));
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
      "SELECT {}, r.content, r.shown FROM (SELECT DISTINCT {} FROM {} WHERE whole IS NULL AND {}) "
      "AS k {} ORDER BY {}",
      shown_key(table, column), numbered_keys(table, ""), log_name(table),
      logged_since_sql(quote_literal(snapshot)), row_of_key(table, "k.k{0}"),
      numbered_keys(table, "k."));
}

std::string all_keys_sql(const SyncedTable& table) {
  const auto column = [&](std::size_t i) { return "t." + quote_identifier(table.key[i]); };
  return fmt::format("SELECT {}, {} FROM {} AS t ORDER BY {}", shown_key(table, column),
                     content_of(table), table.only(), listed(table.key.size(), column));
}

std::string present_rows_sql(const SyncedTable& table, const std::optional<std::string>& snapshot) {
  const std::size_t count = table.key.size();
  const std::string arrays =
      listed(count, [](std::size_t i) { return fmt::format("${}::text[]", i + 1); });
  const std::string names = listed(count, [](std::size_t i) { return fmt::format("v{}", i + 1); });
  std::string logged;
  if (snapshot) {
    const std::string match = listed(
        count,
        [&](std::size_t i) {
          const KeyType& type = table.key_types.at(i);
          return fmt::format("w.k{0} {1} u.v{0}::{2}", i + 1, type.equals, type.type);
        },
        " AND ");
    logged = fmt::format(
        " LEFT JOIN (SELECT DISTINCT true AS there, {} FROM {} WHERE whole IS NULL AND {}) AS w "
        "ON {}",
        numbered_keys(table, ""), log_name(table), logged_since_sql(quote_literal(*snapshot)),
        match);
  }
  return fmt::format(
      "SELECT r.content, r.shown, {} FROM unnest({}) WITH ORDINALITY AS u({}, place) {}{} "
      "ORDER BY u.place",
      snapshot ? "w.there IS NOT NULL" : "NULL::boolean", arrays, names,
      row_of_key(table, "u.v{0}::{1}"), logged);
}

std::string all_contents_sql(const SyncedTable& table) {
  return fmt::format("SELECT {} FROM {} AS t ORDER BY 1", content_of(table), table.only());
}

}  // namespace crossover::sync
