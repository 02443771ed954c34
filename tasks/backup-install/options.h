#pragma once

#include "cli/task_spec.h"

namespace crossover::backup_install {

/// Verbs and options of the task.
cli::TaskSpec task_spec();

}  // namespace crossover::backup_install
