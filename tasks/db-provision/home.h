#pragma once

#include "cli/task.h"
#include "kube/client.h"

namespace crossover::db_provision {

/// Copies Flyway's history from the new database into the old one, so that Flyway takes it for
/// migrated, and has `flyway validate` pass there: by a Job that is like the home API's own way of
/// running Flyway, or here where the runner is local. Idempotent. Throws Error{failure} with
/// Flyway's words when the old database is not what its migrations say.
void adopt_history(cli::TaskContext& context, kube::Client& client, Duration timeout);

}  // namespace crossover::db_provision
