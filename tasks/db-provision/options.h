#pragma once

#include "cli/task_spec.h"

namespace crossover::db_provision {

/// Verbs and options of the task.
cli::TaskSpec task_spec();

}  // namespace crossover::db_provision
