#pragma once

#include "cli/task_spec.h"

namespace crossover::seed_verify {

/// Verbs and options of the task.
cli::TaskSpec task_spec();

}  // namespace crossover::seed_verify
