#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

struct CopyOptions {
  std::uint64_t bytes_per_second = 0;  ///< 0: as fast as it goes
};

struct CopyReport {
  std::uint64_t tables = 0;  ///< copied by this run; those of an earlier run are not copied again
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

/// What a copy needs from its surroundings. Borrowed.
struct CopyContext {
  const Clock& clock;
  const StopRequest& stop;
  Log& log;
  Progress& progress;
};

/// Copies every table that is not marked as copied, straight from source to target. Capture must
/// stand on the source.
///
/// Each table is one snapshot of the source and one transaction of the target, which also marks it
/// and saves the snapshot that its first drain starts from: a lost run costs the table that it was
/// at. The target's own rows go first, by one TRUNCATE of all tables where nothing outside of them
/// references them, else by DELETE; `merge` tables keep rows that the source has not. Fenced by
/// `owner`; throws Error{locked} when it is not the owner any more.
CopyReport copy_tables(const Databases& databases, Direction direction,
                       const std::vector<SyncedTable>& tables, const Secret& apply_token,
                       std::string_view owner, const CopyOptions& options,
                       const CopyContext& context);

/// Updates the planner's statistics and the materialised views of the target, which an import
/// leaves stale.
void analyze_tables(const Database& target, const Secret& apply_token,
                    const std::vector<SyncedTable>& tables, const CopyContext& context);

/// The tables among `tables` that TRUNCATE may empty in one statement: `replace` tables that no
/// table outside of the set references. `references` are (referencing, referenced) pairs of the
/// whole database. Pure.
std::vector<TableName> truncatable(const std::vector<SyncedTable>& tables,
                                   const std::vector<std::pair<TableName, TableName>>& references);

/// Whether all columns' types have one binary form in PostgreSQL 12 to 18, so that COPY may use it.
/// Pure.
bool binary_safe(const SyncedTable& table);

}  // namespace crossover::sync
