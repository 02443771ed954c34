#pragma once

#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The relations that have triggers of ours whose names start with `prefix`, as the catalogue has
/// them now: each recorded table with those of its relations that have some, then each relation
/// that is called otherwise today, as a table of its own. A migration may have renamed or dropped
/// what was recorded, and what was dropped has taken its triggers along.
std::vector<SyncedTable> tables_with_triggers(postgres::Session& session,
                                              const std::vector<SyncedTable>& recorded,
                                              std::string_view prefix);

/// How much of what was installed on some tables is there.
enum class Standing {
  none,
  part,  ///< somebody has taken some off, or an installation has not come to its end
  all,
};

/// Looks for `count` triggers whose names start with `prefix` on each of the tables' relations.
/// Throws Error with SQLSTATE 42P01 when one of these is not there.
Standing standing_triggers(postgres::Session& session, const std::vector<SyncedTable>& tables,
                           std::string_view prefix, int count);

}  // namespace crossover::sync
