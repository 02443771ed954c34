#pragma once

#include "cli/task.h"
#include "cutover/replicas.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Says in the result whether the replicas of the database that has just been left have the closing
/// of its gate: a warning names those that have not within 10 s. Never throws: the switch is over.
void report_replicas(cli::TaskContext& context, const sync::Database& left,
                     sync::Side side) noexcept;

/// The same of the replicas of the database that the service has moved to, which the switch has
/// looked at, and the switch itself.
void report_replicas(cli::TaskContext& context, const std::vector<cutover::Replica>& replicas,
                     sync::Side side);

}  // namespace crossover::route_switch
