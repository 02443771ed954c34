#pragma once

#include "cli/task.h"

namespace crossover::db_provision {

/// `apply --stay`: the new set stays. Applies provision.stay, the same API without pooler and
/// temporary label, as a rolling restart; when all of its old pods have ended, deletes the pooler,
/// the check copy and Flyway's Job; takes the temporary label off what else bears it.
///
/// Throws Error{precondition} before `data-sync finish`, while the service lives on the old
/// database or the route leads to the old API, and while something still connects to the pooler.
/// Idempotent: with nothing left to do it asks nobody.
void stay(cli::TaskContext& context);

}  // namespace crossover::db_provision
