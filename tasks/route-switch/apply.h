#pragma once

#include "cli/task.h"

namespace crossover::route_switch {

/// The task: runs the verb of the context.
void run(cli::TaskContext& context);

}  // namespace crossover::route_switch
