#pragma once

#include "cli/task.h"

namespace crossover::db_provision {

/// `status`: a check for each object of the new set: ready, or why not. Changes nothing.
void status(cli::TaskContext& context);

}  // namespace crossover::db_provision
