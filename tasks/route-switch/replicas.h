#pragma once

#include "cli/task.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Says in the result whether the replicas of the database that has just been left have the closing
/// of its gate: a warning names those that have not within 10 s. Never throws: the switch is over.
void report_replicas(cli::TaskContext& context, const sync::Database& left,
                     sync::Side side) noexcept;

}  // namespace crossover::route_switch
