#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sync/capture.h"

namespace crossover::sync {

// What creating and switching a trigger takes by itself, and what dropping one takes (PostgreSQL
// manual 13.3.1). At once: who has read a table under the weaker lock and goes on to write it would
// wait for us, and we for them.
inline constexpr std::string_view lock_to_add = "SHARE ROW EXCLUSIVE";
inline constexpr std::string_view lock_to_drop = "ACCESS EXCLUSIVE";

/// What is locked for a change, and how.
struct Locks {
  std::vector<std::string> relations;
  std::string_view mode;
};

/// Runs `sql` with the locks, in one transaction, again and again inside the budget. Who waits
/// behind it waits for the budget's lock timeout at most, or, beside an autovacuum that this role
/// can't make yield sooner, now and then for a little more than deadlock_timeout. Throws
/// Error{timeout} `unable to WHAT on 'TABLE': ...` that names the blockers.
void change_locked(postgres::Session& session, const SyncedTable& table, const Locks& locks,
                   const InstallContext& context, std::string_view what, const std::string& sql);

}  // namespace crossover::sync
