#pragma once

#include <vector>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// The verb: lists what was written to a new database that was given up and not carried to the old
/// one, in a file of one JSON object a line.
void salvage(Run& run);

/// Throws Error{precondition}, `unable to VERB ...`, while what was written there is still to be
/// looked for: the new database was given up, `salvage` has not been run since, and nobody has said
/// by --forget-lost-writes that it need not be. The same when the old database, which alone knows,
/// does not answer and is not among the `sides` that the verb changes.
void require_salvaged(const Run& run, const std::vector<sync::Side>& sides);

}  // namespace crossover::data_sync
