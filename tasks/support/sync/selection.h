#pragma once

#include <vector>

#include "config/sync.h"
#include "sync/catalogue.h"
#include "sync/finding.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The tables that take part: every table of the old side's schemas that is not skipped, in the
/// order of their names. Partitions stand under their root, tables that inherit from others by
/// themselves. What the engine can't carry without losing something is an error among `findings`,
/// never left out in silence. `history_table` (Flyway's, "public.flyway_schema_history") is always
/// skipped. Pure.
std::vector<SyncedTable> select_tables(const Catalogue& old_side, const config::Sync& settings,
                                       const std::string& history_table, Findings& findings);

}  // namespace crossover::sync
