#pragma once

#include <string>
#include <vector>

#include "cli/plan.h"
#include "config/sync.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::data_sync {

/// What the plan of a start is made from.
struct StartFacts {
  std::string migration;
  sync::Direction direction = sync::Direction::forward;
  std::string old_system;  ///< system identifiers
  std::string new_system;
  std::string schema_sha256;  ///< of the structure that both sides have
  std::vector<sync::SyncedTable> tables;
  bool copies = true;  ///< false: the target has the rows already
};

/// Pure. The hash covers systems, schema, tables and policies, never counts.
cli::Plan plan_start(const StartFacts& facts, const config::Sync& settings);
/// finish, abort and remove.
cli::Plan plan_removal(const std::string& verb, const std::string& migration,
                       const std::vector<std::string>& sides);

}  // namespace crossover::data_sync
