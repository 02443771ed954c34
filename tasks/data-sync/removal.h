#pragma once

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Ends the possibility of going back: capture goes off both sides, the gates stay as they are.
void finish(Run& run);
/// Before the switch: takes everything off both databases. Rows that were copied stay in the new
/// one.
void abort(Run& run);
/// Takes everything of ours off the databases, the evidence exported first. The gate of the side
/// that the service has left stays closed unless --open-closed-side is given.
void remove(Run& run);

}  // namespace crossover::data_sync
