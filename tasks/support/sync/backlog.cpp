#include "sync/backlog.h"

#include <map>
#include <string>
#include <utility>

#include "sync/changed_tables.h"
#include "sync/position.h"
#include "sync/table_sql.h"
#include "sync/transaction_groups.h"

namespace crossover::sync {

Backlog read_backlog(postgres::Session& source, postgres::Session& target, Direction direction,
                     const std::vector<SyncedTable>& tables) {
  const postgres::Rows position =
      target.query("SELECT snapshot FROM crossover.position WHERE direction = $1",
                   {std::string(name(direction))});
  if (position.empty()) {
    return {};
  }
  const std::map<int, std::string> starts = copy_snapshots(target);
  std::vector<postgres::Statement> statements;
  for (const SyncedTable& table : tables) {
    const auto start = starts.find(table.id);
    statements.push_back(
        {logged_size_sql(table),
         {start == starts.end() ? std::string(position.text(0, 0)) : start->second},
         {}});
  }
  Backlog backlog;
  for (const postgres::Rows& rows :
       run_in_groups(source, std::move(statements), logs_in_a_statement)) {
    backlog.entries += static_cast<std::uint64_t>(rows.int64(0, 0));
    backlog.bytes += static_cast<std::uint64_t>(rows.int64(0, 1));
  }
  return backlog;
}

}  // namespace crossover::sync
