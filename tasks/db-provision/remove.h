#pragma once

#include "cli/task.h"

namespace crossover::db_provision {

/// `remove`: deletes everything that bears the temporary label, volumes only when told. Throws
/// Error{precondition} while the new database is the live one, or while a Route or a workload
/// leads to what would go.
void remove(cli::TaskContext& context);

}  // namespace crossover::db_provision
