#pragma once

#include "cli/task.h"

namespace crossover::backup_install {

/// The task: runs the verb of the context.
void run(cli::TaskContext& context);

}  // namespace crossover::backup_install
