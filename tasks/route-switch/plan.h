#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/plan.h"
#include "config/migration.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::route_switch {

/// A Route that is led, as the cluster has it.
struct PlanRoute {
  std::string object;  ///< "route/web"
  std::string uid;
};

/// What a switch's plan is made from: what is wanted, and the identity of what it is done to.
struct PlanInputs {
  sync::Side to = sync::Side::new_side;
  /// With --accept-loss: the point that the old database stands at. Empty: nothing is lost.
  std::string drained_at;
  std::vector<sync::SyncedTable> tables;  ///< with their policies
  std::vector<std::string> poolers;       ///< names, for people; not part of the hash
  std::vector<PlanRoute> routes;          ///< one for each of config.routes; empty: left alone
  std::string old_fingerprint;  ///< of the schemas of the synced tables, as each server has them
  std::string new_fingerprint;
  /// Digests of the images that run behind the service that the route is led to, and of the
  /// poolers; empty where no cluster knows them.
  std::vector<std::string> images;
};

/// The steps of `switch` (to the new side: first the routes, then the database) or `rollback` (the
/// other way round, the last route first). Pure; the hash depends on nothing that the service
/// changes by running.
cli::Plan make_plan(const config::Migration& config, const PlanInputs& inputs);

}  // namespace crossover::route_switch
