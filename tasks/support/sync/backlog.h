#pragma once

#include <cstdint>
#include <vector>

#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What was captured on the source and is not applied to the target yet.
struct Backlog {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;  ///< of the log's rows, as they are stored
};

/// Counts it, by the position that the target has saved; nothing where no position is saved. Reads
/// both sides and changes nothing. Costs what the entries cost, not what the log keeps.
Backlog read_backlog(postgres::Session& source, postgres::Session& target, Direction direction,
                     const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
