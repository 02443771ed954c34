#pragma once

#include <vector>

#include "base/clock.h"
#include "cli/task.h"
#include "cutover/route.h"
#include "route-switch/connections.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Waits until fresh connections through the router, with and without the sticky cookie of the
/// other API, are answered by the API of `side` several times in a row, as the Route's marker in
/// crossover.yaml tells. Throws Error{timeout} after `deadline` with what was seen last.
void await_answers(cli::TaskContext& context, Connections& connections,
                   const cutover::RouteControl& route, sync::Side side, const Deadline& deadline);

/// Waits until the old database's capture log shows no new write from anybody but the poolers for
/// `switch.quiet`: so all Routes, and whoever calls an old API past them, have left it. Throws
/// Error{timeout} after `deadline` with who still wrote.
void await_quiet(cli::TaskContext& context, Connections& connections, const Deadline& deadline);

}  // namespace crossover::route_switch
