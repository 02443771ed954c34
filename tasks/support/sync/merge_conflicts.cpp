#include "sync/merge_conflicts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "postgres/quote.h"
#include "sync/array.h"
#include "sync/cursor.h"
#include "sync/seed_sql.h"

namespace crossover::sync {
namespace {

using postgres::Param;
using postgres::quote_identifier;
using postgres::Rows;
using postgres::Session;

using Names = std::vector<std::string>;

/// What tells rows apart.
struct Key {
  Names columns;
  bool nulls_equal = false;
};

/// The natural key, then every other unique one.
std::vector<Key> keys_of(const Table& described, const Names& natural) {
  std::vector<Key> keys = {{natural}};
  for (const UniqueIndex& index : described.unique_indexes) {
    if (index.columns == natural) {
      keys.front().nulls_equal = index.nulls_equal;
    } else {
      keys.push_back({index.columns, index.nulls_equal});
    }
  }
  return keys;
}

/// Statements about some rows of the target, whose values are one text[] parameter for each column
/// that a key has.
class MergeSql {
 public:
  MergeSql(const SyncedTable& table, const Table& described, const std::vector<Key>& keys)
      : table_(table), described_(described) {
    add(table.key);
    for (const Key& key : keys) {
      add(key.columns);
    }
  }

  /// Target. All rows: how the identity and each key is shown, then the values.
  std::string rows(const std::vector<Key>& keys) const {
    std::string shown = shown_sql(table_.key);
    for (const Key& key : keys) {
      shown += ", " + shown_sql(key.columns);
    }
    return fmt::format("SELECT {}, {} FROM {}", shown, text_list(columns_), table_.only());
  }

  /// Source. The numbers of those whose key another row has, and that row's identity.
  std::string drift(const Key& key) const {
    return ask(table_.key, fmt::format("{} AND ({}) IS NOT TRUE", match(key), match({table_.key})));
  }

  /// Source. The numbers of those whose identity another natural key has, and that key.
  std::string taken(const Key& natural) const {
    std::string condition =
        fmt::format("{} AND ({}) IS NOT TRUE", match({table_.key}), match(natural));
    for (const std::string& name : natural.columns) {
      condition += fmt::format(" AND u.{} IS NOT NULL", value_of(name));
    }
    return ask(natural.columns, condition);
  }

 private:
  void add(const Names& names) {
    for (const std::string& name : names) {
      if (std::find(columns_.begin(), columns_.end(), name) == columns_.end()) {
        columns_.push_back(name);
      }
    }
  }

  std::string value_of(const std::string& name) const {
    return fmt::format("crossover_v{}",
                       std::find(columns_.begin(), columns_.end(), name) - columns_.begin());
  }

  std::string match(const Key& key) const {
    std::string text;
    for (const std::string& name : key.columns) {
      const Column& column = *described_.column(name);
      const std::string quoted = quote_identifier(name);
      const std::string value = value_of(name);
      const std::string equal =
          fmt::format("t.{} {} u.{}::{}", quoted, column.equals, value, column.type);
      text += text.empty() ? "" : " AND ";
      text += key.nulls_equal
                  ? fmt::format("({} OR t.{} IS NULL AND u.{} IS NULL)", equal, quoted, value)
                  : equal;
    }
    return text;
  }

  std::string ask(const Names& shown, const std::string& condition) const {
    std::string arrays;
    std::string names;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      arrays += fmt::format("{}${}::text[]", i == 0 ? "" : ", ", i + 1);
      names += value_of(columns_[i]) + ", ";
    }
    return fmt::format(
        "SELECT DISTINCT ON (1) u.crossover_n, {} FROM unnest({}) WITH ORDINALITY AS "
        "u({}crossover_n) "
        "JOIN {} AS t ON {} ORDER BY 1, 2",
        shown_sql(shown), arrays, names, table_.only(), condition);
  }

  const SyncedTable& table_;
  const Table& described_;
  Names columns_;
};

std::vector<Param> arrays_of(const Rows& rows, std::size_t first) {
  std::vector<Param> arrays;
  for (std::size_t column = first; column < rows.columns(); ++column) {
    TextArrayBuilder builder;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      rows.is_null(row, column) ? builder.add_null() : builder.add(rows.text(row, column));
    }
    arrays.emplace_back(builder.take());
  }
  return arrays;
}

void add(SeedConflicts& found, SeedConflict conflict, bool accepted) {
  if (accepted) {
    if (found.accepted++ < most_conflicts_held) {
      found.accepted_keys.push_back(std::move(conflict.natural_key));
    }
    return;
  }
  ++found.count;
  if (found.shown.size() < most_conflicts_held) {
    found.shown.push_back(std::move(conflict));
  }
}

}  // namespace

SeedConflicts find_merge_conflicts(Session& source, Session& target, const SyncedTable& table,
                                   const Table& described, const Names& natural_key,
                                   bool accept_target_only, const StopRequest& stop) {
  const std::vector<Key> keys = keys_of(described, natural_key);
  const MergeSql sql(table, described, keys);
  const postgres::Transaction reading_target(target, postgres::one_snapshot);
  const postgres::Transaction reading_source(source, postgres::one_snapshot);
  SeedConflicts found;
  Cursor cursor(target, "seeds", sql.rows(keys));
  for (Rows rows; cursor.next(rows);) {
    stop.throw_if_requested();
    const std::vector<Param> values = arrays_of(rows, keys.size() + 1);
    const auto ask = [&](const std::string& question, std::size_t key, SeedConflict::Kind kind) {
      const Rows answers = source.query(question, values);
      for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto row = static_cast<std::size_t>(answers.int64(i, 0)) - 1;
        add(found,
            {kind, std::string(rows.text(row, key + 1)), std::string(answers.text(i, 1)),
             std::string(rows.text(row, 0))},
            kind == SeedConflict::Kind::taken && accept_target_only);
      }
    };
    for (std::size_t key = 0; key < keys.size(); ++key) {
      ask(sql.drift(keys[key]), key, SeedConflict::Kind::drift);
    }
    ask(sql.taken(keys.front()), 0, SeedConflict::Kind::taken);
  }
  choose_first(found);
  return found;
}

std::map<std::string, std::string> references_to(Session& session, const SyncedTable& table,
                                                 const Catalogue& catalogue, const Names& shown) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, referring] : catalogue.tables) {
    for (const Constraint& constraint : referring.constraints) {
      if (constraint.type != 'f' || constraint.references != table.table || referring.partition) {
        continue;
      }
      std::string match;
      for (std::size_t i = 0; i < constraint.columns.size(); ++i) {
        match += fmt::format("{}r.{} = t.{}", match.empty() ? "" : " AND ",
                             quote_identifier(constraint.columns[i]),
                             quote_identifier(constraint.referenced_columns.at(i)));
      }
      const Rows rows = session.query(
          fmt::format("SELECT shown, count FROM (SELECT {} AS shown, (SELECT count(*) FROM (SELECT "
                      "FROM {} AS r WHERE {} LIMIT 1000) AS counted) FROM {} AS t) AS s "
                      "WHERE shown = ANY ($1::text[]) AND count > 0",
                      shown_sql(table.key), name.quoted(), match, table.only()),
          {text_array(shown)});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        std::string& text = texts[std::string(rows.text(i, 0))];
        text += fmt::format("{}{} ({}): {}", text.empty() ? "" : ", ", name.text(),
                            fmt::join(constraint.columns, ", "), rows.int64(i, 1));
      }
    }
  }
  return texts;
}

}  // namespace crossover::sync
