#pragma once

#include <string>

#include "cli/task.h"
#include "route-switch/connections.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Waits until fresh connections through the router, with and without the sticky cookie of the
/// other API, are answered by the API of `side` several times in a row, as the marker of
/// crossover.yaml tells; and then until the live database's capture log shows no new write from
/// anybody but the poolers for `switch.quiet`. Throws Error{timeout} after `switch.uptakeTimeout`
/// with what was seen last.
void await_uptake(cli::TaskContext& context, Connections& connections, sync::Side side);

/// Asks for the health signal for `switch.watch`. Returns what was wrong once it has failed
/// `switch.health.failures` times in a row, else an empty text.
std::string watch_health(cli::TaskContext& context, Connections& connections);

}  // namespace crossover::route_switch
