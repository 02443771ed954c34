#pragma once

#include <vector>

#include "cli/task.h"
#include "cutover/route.h"
#include "route-switch/connections.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Leads the users of each Route to its API of `to`, and with `moveCallers` those inside the
/// cluster who call the old Service. Idempotent; what it changes stands in the result.
///
/// To the new APIs: waits until enough pods of all of them are ready (`switch.readyTimeout`,
/// Error{timeout}: nothing has changed); then patches one Route after the other, in their order,
/// each only when requests have shown that its predecessor is followed (await_answers); makes the
/// side effects (side_effects.h) with the last one; and waits until the capture log shows that all
/// old APIs are left (await_quiet). Where one of several Routes can't be led, or is not followed,
/// those that a switch has led, in this run or one that was killed, are led back in reverse order
/// before the error is thrown, as long as the old database takes writes.
///
/// To the old APIs: the last Route first; of several, those whose old API is ready do not wait for
/// the others, and one that can't be led back does not keep the others from it.
void lead_users(cli::TaskContext& context, Connections& connections,
                std::vector<cutover::RouteControl>& routes, sync::Side to);

}  // namespace crossover::route_switch
