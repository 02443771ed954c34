#include "cutover/replicas.h"

#include <algorithm>

#include "base/retry.h"

namespace crossover::cutover {

std::vector<Replica> await_replicas(postgres::Session& session, Duration budget, const Clock& clock,
                                    const StopRequest& stop) {
  const std::string written(session.query("SELECT pg_current_wal_flush_lsn()").text(0, 0));
  std::vector<Replica> replicas;
  poll(clock, stop, budget, std::chrono::milliseconds(100), [&] {
    const postgres::Rows rows = session.query(
        "SELECT application_name, sync_state IN ('sync', 'quorum'), "
        "coalesce(flush_lsn >= $1::pg_lsn, false) FROM pg_stat_replication "
        "WHERE state IN ('startup', 'catchup', 'streaming') AND pid NOT IN (SELECT active_pid "
        "FROM pg_replication_slots WHERE active_pid IS NOT NULL AND slot_type = 'logical') "
        "ORDER BY 1",
        {written});
    replicas.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      replicas.push_back({std::string(rows.text(i, 0)), rows.boolean(i, 1), rows.boolean(i, 2)});
    }
    return std::ranges::all_of(replicas, &Replica::flushed);
  });
  return replicas;
}

std::vector<std::string> replicas_behind(const std::vector<Replica>& replicas) {
  std::vector<std::string> behind;
  for (const Replica& replica : replicas) {
    if (!replica.flushed) {
      behind.push_back(replica.name + (replica.synchronous ? " (synchronous)" : ""));
    }
  }
  return behind;
}

}  // namespace crossover::cutover
