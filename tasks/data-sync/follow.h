#pragma once

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Carries changes until SIGTERM, until it is caught up (--until-caught-up), or until another
/// process becomes the drainer, which is how route-switch takes over. Takes no Lease.
void follow(Run& run);

}  // namespace crossover::data_sync
