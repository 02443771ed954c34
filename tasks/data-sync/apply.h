#pragma once

#include "cli/task.h"

namespace crossover::data_sync {

/// Runs the verb. The entry point that main hands to cli::run_task.
void run(cli::TaskContext& context);

}  // namespace crossover::data_sync
