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
  std::uint64_t brought = 0;    ///< rows put on the target as the source has them
  std::uint64_t saved = 0;      ///< rows kept in crossover.saved_row (lost_rows.h)
  std::uint64_t uncertain = 0;  ///< of those, which may be no loss
};

/// Makes the target equal to a source that has failed over. A standby that was promoted may lack
/// its former primary's last commits, which the target may have, and it hands out their transaction
/// ids again, so neither the rows nor the log say what is missing: all rows are compared, in one
/// snapshot of the source, and those that differ are replaced. The live side is the truth. What the
/// failover has lost is listed in crossover.saved_row of the target, as lost_rows.h says.
///
/// One transaction of the target, which also moves the position to that snapshot and the new
/// timeline. Fenced by `owner`: throws Error{locked} when it is not the owner any more; and
/// Error{precondition} when the target's gate is not closed, the source is another cluster or its
/// schema has changed. Returns the tables in which something differed.
std::vector<RepairedTable> repair_after_failover(const Databases& databases, Direction direction,
                                                 const std::vector<SyncedTable>& tables,
                                                 const Secret& apply_token, std::string_view owner,
                                                 const CopyContext& context);

/// Whether the position of `direction` is of another source than this one: of another timeline, or
/// of another cluster. False where there is none.
bool is_another_source(postgres::Session& source, postgres::Session& target, Direction direction);

/// For a target that is to be copied anew from a source that has failed over and does not know what
/// was written there since: lists what its rows show to be lost, as lost_rows.h says, before they
/// go. Of rows that the target lacks nothing is known. `source` in no transaction, `target` in that
/// which writes the new position. Memory grows with the number of rows that the target has in
/// tables whose copy is not complete, and of those that differ. Returns the tables of which
/// something was saved.
std::vector<RepairedTable> save_lost_rows(postgres::Session& source, postgres::Session& target,
                                          const Database& target_database, Direction direction,
                                          const std::vector<SyncedTable>& tables,
                                          const StopRequest& stop);

}  // namespace crossover::sync
