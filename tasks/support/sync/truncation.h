#pragma once

#include <string_view>
#include <vector>

#include "base/log.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// Empties what TRUNCATE may empty of a copy's target, never by CASCADE, in transactions of some
/// tables each: of every table TRUNCATE locks its indexes and its TOAST table as well, until the
/// end. Tables that reference each other must be in one, and where that would take more than three
/// quarters of what the server has room for, they are left to be emptied by DELETE, one by one,
/// when they are copied. Throws Error{locked} when `owner` no longer is it, and Error{precondition}
/// when the service lives on that side.
void truncate_targets(postgres::Session& target, Side side, const std::vector<SyncedTable>& tables,
                      std::string_view owner, Log& log);

}  // namespace crossover::sync
