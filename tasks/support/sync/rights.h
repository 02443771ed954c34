#pragma once

#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/finding.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What the session's role may not do and must, in the database that is `side` ("old", "new"). Each
/// is an error with the right that is missing and how to give it: session_replication_role
/// (PostgreSQL manual 20.11), the ownership of every relation (ALTER TABLE, TRUNCATE), a schema of
/// our own, temporary tables. What only makes a guard see less is a warning (pg_read_all_stats,
/// manual 22.5).
/// docs/rights.md shows which roles have them.
Findings check_rights(postgres::Session& session, std::string_view side,
                      const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
