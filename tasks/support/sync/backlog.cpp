#include "sync/backlog.h"

#include <map>
#include <string>

#include "sync/table_sql.h"

namespace crossover::sync {

Backlog read_backlog(postgres::Session& source, postgres::Session& target, Direction direction,
                     const std::vector<SyncedTable>& tables) {
  const postgres::Rows position =
      target.query("SELECT snapshot FROM crossover.position WHERE direction = $1",
                   {std::string(name(direction))});
  if (position.empty()) {
    return {};
  }
  // A table that has been copied and not drained since counts from its copy.
  const postgres::Rows copied = target.query(
      "SELECT id, start_snapshot FROM crossover.synced_table WHERE start_snapshot IS NOT NULL");
  std::map<std::int64_t, std::string> starts;
  for (std::size_t i = 0; i < copied.size(); ++i) {
    starts.emplace(copied.int64(i, 0), copied.text(i, 1));
  }
  std::vector<postgres::Statement> statements;
  for (const SyncedTable& table : tables) {
    const auto start = starts.find(table.id);
    statements.push_back(
        {logged_size_sql(table),
         {start == starts.end() ? std::string(position.text(0, 0)) : start->second},
         {}});
  }
  Backlog backlog;
  for (const postgres::Rows& rows : source.pipeline(statements)) {
    backlog.entries += static_cast<std::uint64_t>(rows.int64(0, 0));
    backlog.bytes += static_cast<std::uint64_t>(rows.int64(0, 1));
  }
  return backlog;
}

}  // namespace crossover::sync
