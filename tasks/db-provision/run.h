#pragma once

#include "cli/task.h"

namespace crossover::db_provision {

/// Runs the verb that `context` names.
void run(cli::TaskContext& context);

}  // namespace crossover::db_provision
