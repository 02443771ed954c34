#pragma once

#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/finding.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What the session's role may not do and must, in the database that is `side` ("old", "new"). Each
/// is an error with the right that is missing and the statement that gives it:
/// session_replication_role (PostgreSQL manual 20.11), a schema of our own, temporary tables, the
/// use of the schemas of `tables`, the rights of the owner of every relation (ALTER TABLE,
/// TRUNCATE), of `sequences` (or to read and set them) and of every materialized view, privileges
/// that an owner has taken from itself, and row security that binds the owner too (5.9). What only
/// makes a guard see less is a warning (pg_read_all_stats, 22.5).
/// docs/rights.md shows which roles have them.
Findings check_rights(postgres::Session& session, std::string_view side,
                      const std::vector<SyncedTable>& tables,
                      const std::vector<TableName>& sequences);

}  // namespace crossover::sync
