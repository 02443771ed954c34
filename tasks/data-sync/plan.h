#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/plan.h"
#include "config/sync.h"
#include "config/verify.h"
#include "resources/object_set.h"
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
/// What the plan of a rehearsal is made from.
struct RehearsalFacts {
  std::string migration;
  std::string database;  ///< that is made and dropped
  std::string old_system;
  std::string new_system;
  std::string schema_sha256;
  std::int64_t expected_bytes = 0;  ///< for people
};

/// Pure. `api`: the objects of the API's copy, none where it runs elsewhere; `checks`: what is
/// called.
cli::Plan plan_rehearsal(const RehearsalFacts& facts, const resources::ObjectSet& api,
                         const std::vector<config::EndpointCheck>& checks);

/// Throws Error{usage} when none of the objects names the pooler's rehearsal entry, from which it
/// follows that the API would connect to a live database. Pure.
void require_entry_named(const std::vector<nlohmann::json>& objects, const std::string& entry);

/// finish, abort and remove.
cli::Plan plan_removal(const std::string& verb, const std::string& migration,
                       const std::vector<std::string>& sides);

}  // namespace crossover::data_sync
