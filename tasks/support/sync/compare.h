#pragma once

#include "sync/catalogue.h"
#include "sync/finding.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// Holds the new side's structure against the old side's, for the tables that take part: columns,
/// types, keys, generated and identity columns, partitions, enums and domains, sequences, and what
/// else decides whether the old side's rows fit and behave the same. What could lose or refuse rows
/// is an error; owners, grants, triggers and settings that differ are warnings. Compared by
/// catalogue, since pg_dump's text differs between versions. Pure.
Findings compare_structure(const Catalogue& old_side, const Catalogue& new_side,
                           const std::vector<SyncedTable>& tables);

/// What of one side alone stands in the way: large objects, prepared transactions. Pure.
Findings check_database(const Catalogue& catalogue, std::string_view side);

}  // namespace crossover::sync
