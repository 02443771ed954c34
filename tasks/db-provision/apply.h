#pragma once

#include "cli/task.h"

namespace crossover::db_provision {

/// `apply`: plans the stages, has the plan approved, and applies one stage after another, each
/// waited for. Throws Error{failure} with the cause (a failed hook with its log) as soon as a stage
/// can't get ready, Error{timeout} after provision.timeout.
void apply(cli::TaskContext& context);

}  // namespace crossover::db_provision
