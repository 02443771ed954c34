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

/// Whether each of the tables' relations has all `count` triggers whose names start with `prefix`.
/// Throws Error with SQLSTATE 42P01 when one is not there.
bool have_all_triggers(postgres::Session& session, const std::vector<SyncedTable>& tables,
                       std::string_view prefix, int count);

/// Whether any of the table's relations has such a trigger: somebody may have taken some off.
bool has_triggers(postgres::Session& session, const SyncedTable& table, std::string_view prefix);

}  // namespace crossover::sync
