#pragma once

#include "cli/task_spec.h"

namespace crossover::route_switch {

/// Verbs and options of route-switch.
cli::TaskSpec task_spec();

}  // namespace crossover::route_switch
