#pragma once

#include "cli/task.h"
#include "seed-verify/connections.h"

namespace crossover::seed_verify {

/// Phases anonymous and full: calls the endpoints of verify.endpoints on the target that the
/// options name and checks their answers. Those that read go in parallel, those that write one
/// after another with their clean-up behind them. Answers and latencies stand in a table.
void check_endpoints(cli::TaskContext& context, Connections& connections);

}  // namespace crossover::seed_verify
