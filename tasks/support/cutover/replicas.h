#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "postgres/session.h"

namespace crossover::cutover {

/// A streaming standby of a server.
struct Replica {
  std::string name;  ///< application_name, which Patroni sets to the member's name
  bool synchronous = false;
  bool flushed = false;  ///< it has on disk all that was written when the look began
};

/// Waits until the standbys of a database that has been left have flushed the closing of its gate:
/// one that is promoted without it would take writes again. Returns them as they were at the end,
/// which is after `budget` at the latest; empty where there is none, or none that the role may see
/// (pg_stat_replication wants pg_monitor). Waits for nothing in the pause: it is called after it.
std::vector<Replica> await_replicas(postgres::Session& source, Duration budget, const Clock& clock,
                                    const StopRequest& stop);

}  // namespace crossover::cutover
