#pragma once

#include "cli/task_spec.h"

namespace crossover::nsp_apply {

/// Verbs and options of the task.
cli::TaskSpec task_spec();

}  // namespace crossover::nsp_apply
