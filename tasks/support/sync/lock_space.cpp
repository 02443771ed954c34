#include "sync/lock_space.h"

#include <fmt/format.h>

#include <algorithm>

#include "sync/array.h"
#include "sync/change_reader.h"
#include "sync/changed_tables.h"

namespace crossover::sync {
namespace {

// Catalogues and our own tables.
constexpr std::int64_t around = 100;
constexpr std::int64_t locks_of_a_log = 2;
constexpr std::int64_t most_logs_at_once = ChangedTables::most_logs_in_a_transaction;
constexpr std::int64_t most_planned = most_planned_ahead;
// Of many keys, or wide rows: a temporary table with a TOAST table and its index.
constexpr std::int64_t locks_of_streaming = 3;

std::string too_few(const LockSpace& space, std::int64_t locks, std::string_view when) {
  return fmt::format(
      "has room for {} locks (max_locks_per_transaction {} x {} connections and prepared "
      "transactions), and {} takes up to {} ({} tables, {} relations), more than {}: "
      "set max_locks_per_transaction to at least {} and restart the server",
      space.room(), space.per_transaction, space.transactions, when, locks, space.tables,
      space.relations, locks > space.room() ? "that" : "three quarters of that",
      space.setting_for(locks));
}

}  // namespace

std::int64_t LockSpace::switching() const {
  const std::int64_t planned = std::min(relations, most_planned);
  return around + relations + sequences + locks_of_a_log * std::min(tables, most_logs_at_once) +
         (relations == 0 ? 0 : (indexes * planned + relations - 1) / relations);
}

std::int64_t LockSpace::all_changed() const {
  return around + sequences + truncating() + (locks_of_a_log + locks_of_streaming) * tables;
}

std::int64_t LockSpace::setting_for(std::int64_t locks) const {
  const std::int64_t room = (locks * 4 + 2) / 3;
  return (room + transactions - 1) / transactions;
}

LockSpace read_lock_space(postgres::Session& session, const std::vector<SyncedTable>& tables) {
  const postgres::Rows rows = session.query(
      "SELECT current_setting('max_locks_per_transaction')::bigint, "
      "current_setting('max_connections')::bigint + "
      "current_setting('max_prepared_transactions')::bigint, count(*), "
      "coalesce(sum((SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid)), 0)::bigint, "
      "count(*) FILTER (WHERE c.reltoastrelid <> 0), "
      "(SELECT count(*) FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace "
      "WHERE s.relkind = 'S' AND n.nspname = ANY ($2::text[])) "
      "FROM pg_class c WHERE c.oid = ANY (SELECT to_regclass(r) FROM unnest($1::text[]) r)",
      {text_array(relation_names(tables)), text_array(relation_schemas(tables))});
  return {.per_transaction = rows.int64(0, 0),
          .transactions = rows.int64(0, 1),
          .tables = static_cast<std::int64_t>(tables.size()),
          .relations = rows.int64(0, 2),
          .indexes = rows.int64(0, 3),
          .toasted = rows.int64(0, 4),
          .sequences = rows.int64(0, 5)};
}

Findings check_lock_space(const LockSpace& space, std::string_view side) {
  const std::string object = fmt::format("{} database", side);
  if (space.setting_for(space.switching()) > space.per_transaction) {
    return {{space.switching() > space.room() ? Finding::Level::error : Finding::Level::warning,
             object, too_few(space, space.switching(), "a switch")}};
  }
  if (space.setting_for(space.all_changed()) > space.per_transaction) {
    return {{Finding::Level::warning, object,
             too_few(space, space.all_changed(),
                     "a drain when every table has changed, or a repair after a failover,")}};
  }
  return {};
}

}  // namespace crossover::sync
