#include "sync/seeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "postgres/quote.h"
#include "sync/array.h"
#include "sync/cursor.h"
#include "sync/seed_sql.h"

namespace crossover::sync {
namespace {

using postgres::quote_identifier;
using postgres::quote_literal;
using postgres::Rows;
using postgres::Session;

/// So many rows of the target are looked for in the source by name.
constexpr std::size_t most_named = 10000;
// The same on both servers, whatever their encodings, and as wide for every value.
std::string digest_sql(const std::string& list) {
  return fmt::format("encode(substr(sha256(textsend(ROW({})::text)), 1, 16), 'hex')", list);
}

/// How the rows of a table are told apart for this.
struct Naming {
  const SyncedTable& table;
  const std::vector<std::string>& natural;  ///< of a keyless table all columns

  std::string rows_sql(const std::string& condition) const {
    const std::string list = text_list(natural);
    return fmt::format(
        "SELECT {}, {}, ROW({}) IS NOT NULL, {}, {} FROM {}{} ORDER BY 1, 2", digest_sql(list),
        table.keyless() ? "''" : digest_sql(text_list(table.key)), list,
        table.keyless() ? fmt::format("left(ROW({})::text, {})", list, longest_value_shown)
                        : shown_sql(natural),
        table.keyless() ? "''" : shown_sql(table.key), table.only(), condition);
  }

  /// What rows are looked for by: narrow values, whatever the rows hold.
  std::string names() const {
    return table.keyless() ? digest_sql(text_list(natural)) : text_list(natural);
  }

  /// WHERE for the rows of the source that may be those of `rows`, the names of the target's.
  std::string condition(const Rows& rows) const {
    std::string arrays;
    std::string nulls;
    for (std::size_t i = 0; i < rows.columns(); ++i) {
      TextArrayBuilder builder;
      bool null = false;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        null = null || rows.is_null(r, i);
        rows.is_null(r, i) ? builder.add_null() : builder.add(rows.text(r, i));
      }
      arrays += fmt::format("{}{}::text[]", i == 0 ? "" : ", ", quote_literal(builder.take()));
      nulls += null ? fmt::format(" OR {} IS NULL", quote_identifier(natural[i])) : "";
    }
    return fmt::format(" WHERE ({}) IN (SELECT * FROM unnest({}) AS u){}", names(), arrays, nulls);
  }
};

/// The rows of one side, one after the other.
class OrderedRows {
 public:
  OrderedRows(Session& session, const std::string& query) : cursor_(session, "seeds", query) {
    ended_ = !cursor_.next(rows_);
  }

  bool ended() const { return ended_; }
  std::string_view natural() const { return rows_.text(row_, 0); }
  std::string_view identity() const { return rows_.text(row_, 1); }
  bool without_null() const { return rows_.boolean(row_, 2); }
  std::string shown_natural() const { return std::string(rows_.text(row_, 3)); }
  std::string shown_identity() const { return std::string(rows_.text(row_, 4)); }
  void next() {
    if (++row_ == rows_.size()) {
      row_ = 0;
      ended_ = !cursor_.next(rows_);
    }
  }

 private:
  Cursor cursor_;
  Rows rows_;
  std::size_t row_ = 0;
  bool ended_ = false;
};

/// Goes through both sides in step.
class Comparison {
 public:
  Comparison(OrderedRows& source, OrderedRows& target, bool keyless, bool only_drift)
      : source_(source), target_(target), keyless_(keyless), only_drift_(only_drift) {}

  SeedConflicts run(const StopRequest& stop) {
    while (!target_.ended()) {
      stop.throw_if_requested();
      compare_group(std::string(target_.natural()));
    }
    choose_first(found_);
    return std::move(found_);
  }

 private:
  // Those of one natural key, on either side in the order of their identity. Of equal rows, which a
  // keyless table may have, each of the target's needs one of its own.
  void compare_group(const std::string& natural) {
    while (!source_.ended() && source_.natural() < natural) {
      source_.next();
    }
    const std::string other = source_has(natural) ? source_.shown_identity() : "";
    const bool known = source_has(natural);
    for (; !target_.ended() && target_.natural() == natural; target_.next()) {
      while (source_has(natural) && source_.identity() < target_.identity()) {
        source_.next();
      }
      if (source_has(natural) && source_.identity() == target_.identity()) {
        source_.next();
      } else {
        add(known && target_.without_null() && !keyless_, other);
      }
    }
  }

  bool source_has(const std::string& natural) const {
    return !source_.ended() && source_.natural() == natural;
  }

  void add(bool drift, const std::string& other) {
    if (only_drift_ && !drift) {
      if (found_.accepted++ < most_conflicts_held) {
        found_.accepted_keys.push_back(target_.shown_natural());
      }
      return;
    }
    ++found_.count;
    if (found_.shown.size() < most_conflicts_held) {
      std::string natural = target_.shown_natural();
      if (!keyless_ && !target_.without_null()) {  // which names no row
        natural += fmt::format(" ({})", target_.shown_identity());
      }
      found_.shown.push_back(
          {.kind = drift ? SeedConflict::Kind::drift : SeedConflict::Kind::target_only,
           .natural_key = std::move(natural),
           .source_key = drift ? other : "",
           .target_key = target_.shown_identity()});
    }
  }

  OrderedRows& source_;
  OrderedRows& target_;
  bool keyless_;
  bool only_drift_;
  SeedConflicts found_;
};

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

SeedConflicts find_seed_conflicts(Session& source, Session& target, const SyncedTable& table,
                                  const std::vector<std::string>& natural_key, bool only_drift,
                                  const StopRequest& stop) {
  const Naming naming{table, table.keyless() ? table.columns : natural_key};
  postgres::Transaction reading_target(target, postgres::one_snapshot);
  std::string condition;
  {
    const Rows names = target.query(
        fmt::format("SELECT {} FROM {} LIMIT {}", naming.names(), table.only(), most_named + 1));
    if (names.empty()) {
      return {};
    }
    condition = names.size() > most_named ? "" : naming.condition(names);
  }
  postgres::Transaction reading_source(source, postgres::one_snapshot);
  OrderedRows from(source, naming.rows_sql(condition));
  OrderedRows there(target, naming.rows_sql(""));
  return Comparison(from, there, table.keyless(), only_drift).run(stop);
}

}  // namespace crossover::sync
