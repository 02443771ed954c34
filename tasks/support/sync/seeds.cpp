#include "sync/seeds.h"

#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "postgres/quote.h"
#include "sync/array.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

std::string text_list(const std::vector<std::string>& columns) {
  std::string list;
  for (const std::string& column : columns) {
    list += (list.empty() ? "" : ", ") + postgres::quote_identifier(column) + "::text";
  }
  return list;
}

// Values of `columns` from `first` on, "name=admin, kind=x".
std::string shown(const Rows& rows, std::size_t row, const std::vector<std::string>& columns,
                  std::size_t first) {
  std::string text;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text += fmt::format("{}{}={}", i == 0 ? "" : ", ", columns[i],
                        rows.is_null(row, first + i) ? "NULL" : rows.text(row, first + i));
  }
  return text;
}

// The rows of the source that have one of the natural keys of `target_rows`: natural key to
// identity.
std::map<std::string, std::string> counterparts(Session& source, const SyncedTable& table,
                                                const std::vector<std::string>& natural,
                                                const Rows& target_rows) {
  std::vector<postgres::Param> params;
  std::string unnested;
  for (std::size_t i = 0; i < natural.size(); ++i) {
    TextArrayBuilder builder;
    for (std::size_t r = 0; r < target_rows.size(); ++r) {
      target_rows.is_null(r, i) ? builder.add_null() : builder.add(target_rows.text(r, i));
    }
    params.emplace_back(builder.take());
    unnested += fmt::format("{}${}::text[]", i == 0 ? "" : ", ", i + 1);
  }
  std::string names;
  for (std::size_t i = 1; i <= natural.size(); ++i) {
    names += fmt::format("{}v{}", i == 1 ? "" : ", ", i);
  }
  const Rows rows = source.query(
      fmt::format("SELECT {}, {} FROM {} WHERE ({}) IN (SELECT {} FROM unnest({}) AS u({}))",
                  text_list(natural), text_list(table.key), table.only(), text_list(natural), names,
                  unnested, names),
      params);
  std::map<std::string, std::string> found;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    found.emplace(shown(rows, r, natural, 0), shown(rows, r, table.key, natural.size()));
  }
  return found;
}

}  // namespace

std::vector<std::string> natural_key_of(const Table& table,
                                        const std::vector<std::string>& configured) {
  if (!configured.empty()) {
    return configured;
  }
  std::vector<std::string> identity = row_identity(table);
  for (const UniqueIndex& index : table.unique_indexes) {
    if (!index.primary && index.columns != identity) {
      return index.columns;
    }
  }
  return identity;
}

std::vector<SeedConflict> find_seed_conflicts(Session& source, Session& target,
                                              const SyncedTable& table,
                                              const std::vector<std::string>& natural_key,
                                              int limit) {
  std::vector<SeedConflict> conflicts;
  if (table.keyless() || natural_key.empty()) {
    return conflicts;
  }
  const Rows rows =
      target.query(fmt::format("SELECT {}, {} FROM {} ORDER BY 1 LIMIT {}", text_list(natural_key),
                               text_list(table.key), table.only(), limit));
  if (rows.empty()) {
    return conflicts;
  }
  const auto known = counterparts(source, table, natural_key, rows);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    SeedConflict conflict;
    conflict.table = table.table;
    conflict.natural_key = shown(rows, r, natural_key, 0);
    conflict.target_key = shown(rows, r, table.key, natural_key.size());
    const auto found = known.find(conflict.natural_key);
    if (found == known.end()) {
      conflicts.push_back(std::move(conflict));
    } else if (found->second != conflict.target_key) {
      conflict.kind = SeedConflict::Kind::drift;
      conflict.source_key = found->second;
      conflicts.push_back(std::move(conflict));
    }
  }
  return conflicts;
}

}  // namespace crossover::sync
