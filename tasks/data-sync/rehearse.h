#pragma once

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Before the switch: calls all endpoint checks, those that write too, on a copy of the new API
/// whose database is a copy of the new one; proves that none of it reached a live database; and
/// drops all of it, however it ended. What a killed run has left is dropped first. Changes nothing
/// that stays. Throws Error{precondition} after the switch, before the copy of `start` is whole,
/// and, before anything is written, when the API is not connected to the copy; Error{conflict} when
/// a check failed.
void rehearse(Run& run);

/// Drops what a rehearsal that was killed has left in the new database's server: for `abort` and
/// `remove`. Returns whether there was something.
bool drop_rehearsal_database(const Run& run);

}  // namespace crossover::data_sync
