#pragma once

#include <vector>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Fills an empty database with the new database's schema and all of its rows, by the engine that
/// `start` copies with; each table as it was at one moment, while changes go on being carried.
/// Sequences are set where the switch would set them. Nothing of Crossover's is left in it. Returns
/// the tables. Throws Error{precondition} with what cannot be copied, and when what came out is not
/// the new database's structure.
std::vector<sync::SyncedTable> copy_for_rehearsal(const Run& run, const sync::Database& rehearsal);

}  // namespace crossover::data_sync
