#include "cutover/replicas.h"

#include <algorithm>

#include "base/retry.h"

namespace crossover::cutover {

std::vector<Replica> await_replicas(postgres::Session& source, Duration budget, const Clock& clock,
                                    const StopRequest& stop) {
  const std::string written(source.query("SELECT pg_current_wal_flush_lsn()").text(0, 0));
  std::vector<Replica> replicas;
  poll(clock, stop, budget, std::chrono::milliseconds(100), [&] {
    const postgres::Rows rows = source.query(
        "SELECT application_name, sync_state IN ('sync', 'quorum'), "
        "coalesce(flush_lsn >= $1::pg_lsn, false) FROM pg_stat_replication "
        "WHERE state = 'streaming' ORDER BY 1",
        {written});
    replicas.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      replicas.push_back({std::string(rows.text(i, 0)), rows.boolean(i, 1), rows.boolean(i, 2)});
    }
    return std::ranges::all_of(replicas, &Replica::flushed);
  });
  return replicas;
}

}  // namespace crossover::cutover
