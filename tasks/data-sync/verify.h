#pragma once

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Compares all rows of both sides at one point while writes go on. Differences are
/// Error{conflict}.
void verify(Run& run);

}  // namespace crossover::data_sync
