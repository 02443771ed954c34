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

/// Waits until the standbys of a database have flushed what has been written there: one that is
/// promoted without the closing of the gate would take writes again, one without its opening would
/// take none any more. Those that still catch up count; subscribers of logical replication, which
/// nobody promotes, do not. Returns them as they were at the end, which is after `budget` at the
/// latest; empty where there is none, or none that the role may see (pg_stat_replication wants
/// pg_monitor). Waits for nothing in the pause: it is called after it.
std::vector<Replica> await_replicas(postgres::Session& session, Duration budget, const Clock& clock,
                                    const StopRequest& stop);

/// The names of those that have not flushed it.
std::vector<std::string> replicas_behind(const std::vector<Replica>& replicas);

}  // namespace crossover::cutover
