#pragma once

#include "cli/task.h"
#include "cutover/route.h"
#include "route-switch/connections.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Leads the users to the API of `to`, and with `route.moveCallers` those inside the cluster who
/// call the old Service: waits until enough of that API's pods are ready (`switch.readyTimeout`,
/// Error{timeout}: nothing of the route has changed), patches what does not lead there yet, makes
/// the side effects those of that API (side_effects.h), and waits until requests and the capture
/// log show it (await_uptake). Idempotent; what it changes stands in the result.
void lead_users(cli::TaskContext& context, Connections& connections, cutover::RouteControl& route,
                sync::Side to);

}  // namespace crossover::route_switch
