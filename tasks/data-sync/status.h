#pragma once

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Phase, gates, lag and log of both sides. Reads only; a database that can't be reached is shown
/// as such.
void status(Run& run);

}  // namespace crossover::data_sync
