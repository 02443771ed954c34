#pragma once

#include <vector>

#include "base/error.h"
#include "data-sync/migration.h"

namespace crossover::data_sync {

// What is copied and captured goes by the tables as they were planned and recorded, so whatever
// else the source has by then would be lost without a word: other columns, another key, other
// partitions, forward a table that is new. Both throw Error{precondition} that names the
// differences.

/// Before anything is written: somebody may have been asked for approval since, for hours.
void require_planned_schema(const Run& run, const std::vector<sync::SyncedTable>& planned);

/// After the position was taken, from which on each drain looks for changes: what came before it
/// would pass for how the tables have always been.
void require_recorded_schema(const Run& run, postgres::Session& source, sync::Direction direction,
                             const std::vector<sync::SyncedTable>& recorded);

/// Throws what a follower has failed with anew where a schema that was changed meanwhile may be the
/// cause, with what was changed and how to go on. Else returns.
void explain_by_schema(const Run& run, sync::Direction direction, const Error& error);

}  // namespace crossover::data_sync
