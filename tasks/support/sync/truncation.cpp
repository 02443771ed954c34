#include "sync/truncation.h"

#include <set>
#include <string>
#include <utility>

#include "sync/copy_plan.h"
#include "sync/gate.h"
#include "sync/lock_space.h"
#include "sync/state.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

constexpr std::size_t most_at_once = 100;

std::vector<std::pair<TableName, TableName>> read_references(Session& session) {
  const Rows rows = session.query(R"(
    SELECT DISTINCT n.nspname, c.relname, fn.nspname, fc.relname
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class fc ON fc.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
    WHERE k.contype = 'f')");
  std::vector<std::pair<TableName, TableName>> references;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    references.push_back({{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))},
                          {std::string(rows.text(i, 2)), std::string(rows.text(i, 3))}});
  }
  return references;
}

std::vector<SyncedTable> those_of(const std::vector<SyncedTable>& tables,
                                  const std::vector<TableName>& names) {
  const std::set<TableName> wanted(names.begin(), names.end());
  std::vector<SyncedTable> found;
  for (const SyncedTable& table : tables) {
    if (wanted.contains(table.table)) {
      found.push_back(table);
    }
  }
  return found;
}

void truncate(Session& target, Side side, const std::vector<SyncedTable>& group,
              std::string_view owner) {
  std::string list;
  for (const SyncedTable& table : group) {
    list += (list.empty() ? "" : ", ") + table.only();
  }
  Transaction transaction(target);
  require_owner(target, owner);
  target.batch("TRUNCATE " + list);
  require_not_live(target, side);
  transaction.commit();
}

}  // namespace

void truncate_targets(Session& target, Side side, const std::vector<SyncedTable>& tables,
                      std::string_view owner, Log& log) {
  const auto references = read_references(target);
  const auto groups =
      truncation_groups(truncatable(tables, references), tables, references, most_at_once);
  for (const std::vector<TableName>& names : groups) {
    const std::vector<SyncedTable> group = those_of(tables, names);
    const LockSpace space = read_lock_space(target, group);
    if (space.setting_for(space.truncating()) > space.per_transaction) {
      log.info(
          "{} tables are emptied by DELETE: for TRUNCATE the server has not enough room for locks "
          "(max_locks_per_transaction)",
          names.size());
    } else {
      truncate(target, side, group, owner);
    }
  }
}

}  // namespace crossover::sync
