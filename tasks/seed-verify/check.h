#pragma once

#include "cli/task.h"

namespace crossover::seed_verify {

/// Runs the phase that the options name. Throws Error{conflict} when a check failed.
void check(cli::TaskContext& context);

}  // namespace crossover::seed_verify
