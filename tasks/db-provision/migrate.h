#pragma once

#include <optional>

#include "cli/task.h"
#include "config/provision.h"
#include "flyway/history.h"
#include "kube/client.h"
#include "postgres/endpoint.h"

namespace crossover::db_provision {

/// How databases are reached in this run.
postgres::EndpointContext reach(const cli::TaskContext& context, kube::Client& client);

/// Waits until the new database answers and returns Flyway's history of it as it is before this
/// run's migrations. Throws the last error when `budget` is over, and at once where waiting can't
/// help an external database (a refused log-in).
std::optional<flyway::History> await_database(cli::TaskContext& context, kube::Client& client,
                                              const config::Provision& provision, Duration budget);

/// Runs `flyway migrate` here.
void migrate_locally(cli::TaskContext& context, kube::Client& client, Duration timeout);

/// Tells what Flyway has done since `before`, asking for at most `budget`: a check, a change where
/// something was migrated, the newest version. Throws Error{failure} when a migration has failed,
/// or when Flyway was to run and the history is not there.
void report_history(cli::TaskContext& context, kube::Client& client,
                    const std::optional<flyway::History>& before, Duration budget);

}  // namespace crossover::db_provision
