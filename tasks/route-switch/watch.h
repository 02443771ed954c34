#pragma once

#include <string>
#include <vector>

#include "cli/task.h"
#include "cutover/route.h"
#include "route-switch/connections.h"

namespace crossover::route_switch {

/// Asks for the health signal of each Route for `switch.watch`. Returns what was wrong once one of
/// them has failed `switch.health.failures` times in a row, else an empty text.
std::string watch_health(cli::TaskContext& context, Connections& connections,
                         const std::vector<cutover::RouteControl>& routes);

}  // namespace crossover::route_switch
