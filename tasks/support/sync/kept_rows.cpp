#include "sync/kept_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sync/array.h"
#include "sync/table_sql.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::Param;
using postgres::Rows;
using postgres::Session;

/// Statements about the keys of some kept rows, which are a text[] parameter for each key column.
class KeptSql {
 public:
  explicit KeptSql(const SyncedTable& table) : table_(table) {
    for (std::size_t i = 1; i <= table.key.size(); ++i) {
      const char* const comma = i == 1 ? "" : ", ";
      parameters_ += fmt::format("{}${}::text[]", comma, i);
      values_ += fmt::format("{}v{}", comma, i);
      elements_ += fmt::format("{}r.key[{}]", comma, i);
      logged_ += fmt::format(", k{}", i);
      typed_ += fmt::format(", r.key[{}]::{}", i, table.key_types.at(i - 1).type);
    }
  }

  std::string keys() const {
    return fmt::format("SELECT {} FROM crossover.kept_row r WHERE r.table_id = {}", elements_,
                       table_.id);
  }

  /// Source. The numbers of those that it has.
  std::string present() const {
    return fmt::format(
        "SELECT u.n FROM unnest({}) WITH ORDINALITY AS u({}, n) WHERE EXISTS "
        "(SELECT FROM {} AS t WHERE {})",
        parameters_, values_, table_.only(), key_match_sql(table_, "u.v{0}::{1}"));
  }

  std::string forget() const {
    return fmt::format(
        "DELETE FROM crossover.kept_row r USING unnest({}) AS u({}) WHERE r.table_id = {} AND "
        "r.key = ARRAY[{}]",
        parameters_, values_, table_.id, values_);
  }

  std::string hand_over() const {
    return fmt::format(
        "INSERT INTO {} (txid{}) SELECT pg_catalog.txid_current(){} FROM crossover.kept_row r "
        "WHERE r.table_id = {};\n"
        "DELETE FROM crossover.kept_row WHERE table_id = {};\n",
        log_name(table_), logged_, typed_, table_.id, table_.id);
  }

 private:
  const SyncedTable& table_;
  std::string parameters_;
  std::string values_;
  std::string elements_;
  std::string logged_;
  std::string typed_;
};

// Of all rows of `keys`, or of those that `chosen` numbers, from 1.
std::vector<Param> arrays_of(const Rows& keys, const Rows* chosen) {
  std::vector<Param> arrays;
  for (std::size_t column = 0; column < keys.columns(); ++column) {
    TextArrayBuilder builder;
    const std::size_t count = chosen == nullptr ? keys.size() : chosen->size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row =
          chosen == nullptr ? i : static_cast<std::size_t>(chosen->int64(i, 0)) - 1;
      builder.add(keys.text(row, column));
    }
    arrays.emplace_back(builder.take());
  }
  return arrays;
}

}  // namespace

void give_up_taken_rows(Session& target, Session& source, const SyncedTable& table) {
  const KeptSql sql(table);
  const Rows keys = target.query(sql.keys());
  if (keys.empty()) {
    return;
  }
  const Rows present = source.query(sql.present(), arrays_of(keys, nullptr));
  if (!present.empty()) {
    target.query(sql.forget(), arrays_of(keys, &present));
  }
}

void hand_over_kept_rows(Session& target, const std::vector<SyncedTable>& tables) {
  const auto merged = [](const SyncedTable& table) { return table.policy == Policy::merge; };
  if (std::ranges::none_of(tables, merged)) {
    return;
  }
  // The service waits: one question for all, and nothing more where no row is left.
  const Rows ids = target.query(
      "SELECT DISTINCT r.table_id FROM crossover.kept_row r "
      "WHERE to_regclass('crossover.log_' || r.table_id) IS NOT NULL");
  std::set<std::int64_t> captured;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    captured.insert(ids.int64(i, 0));
  }
  std::string sql;
  for (const SyncedTable& table : tables) {
    if (merged(table) && captured.contains(table.id)) {
      sql += KeptSql(table).hand_over();
    }
  }
  if (!sql.empty()) {
    target.batch(sql);
  }
}

void forget_kept_rows(Session& session) { session.query("DELETE FROM crossover.kept_row"); }

}  // namespace crossover::sync
