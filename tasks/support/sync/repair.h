#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sync/copy.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// Whether the source has failed over since `direction` was last drained: its timeline is another.
/// False where nothing was started in that direction.
bool has_failed_over(postgres::Session& source, postgres::Session& target, Direction direction);

/// What a repair did to one table.
struct RepairedTable {
  TableName table;
  std::uint64_t brought = 0;  ///< rows put on the target as the source has them
  std::uint64_t saved = 0;    ///< rows of the target that gave way, kept in crossover.saved_row
};

/// Makes the target equal to a source that has failed over. A standby that was promoted may lack
/// its former primary's last commits, which the target may have, and it hands out their transaction
/// ids again, so neither the rows nor the log say what is missing: all rows are compared, in one
/// snapshot of the source, and those that differ are replaced. The live side is the truth. What
/// only the target had is never lost: each row that gives way goes to crossover.saved_row there.
///
/// One transaction of the target, which also moves the position to that snapshot and the new
/// timeline. Fenced by `owner`: throws Error{locked} when it is not the owner any more; and
/// Error{precondition} when the target's gate is not closed, the source is another cluster or its
/// schema has changed. Returns the tables in which something differed.
std::vector<RepairedTable> repair_after_failover(const Databases& databases, Direction direction,
                                                 const std::vector<SyncedTable>& tables,
                                                 const Secret& apply_token, std::string_view owner,
                                                 const CopyContext& context);

}  // namespace crossover::sync
