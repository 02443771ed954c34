#pragma once

#include "cli/task.h"
#include "route-switch/connections.h"

namespace crossover::route_switch {

/// Where the service lives: gates and move of both databases, each pooler, the route. Reads only,
/// and shows what can't be reached as such.
void report_status(cli::TaskContext& context, Connections& connections);

}  // namespace crossover::route_switch
