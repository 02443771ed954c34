#pragma once

#include "cli/task.h"
#include "seed-verify/connections.h"

namespace crossover::seed_verify {

/// Phase seeds: a check for each entry of verify.seeds. Each row is looked up in the new database
/// by its natural key, and its further columns are compared by the server, in the columns' own
/// types. What is missing or differs stands in a table of the result.
void check_seeds(cli::TaskContext& context, Connections& connections);

}  // namespace crossover::seed_verify
