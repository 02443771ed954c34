#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/plan.h"
#include "config/migration.h"
#include "db-provision/stages.h"
#include "resources/object_set.h"

namespace crossover::db_provision {

/// A stage with what the cluster has of it.
struct ObservedStage {
  std::string name;
  resources::ObjectSet set;
  resources::SetState state;
};

/// What `apply` is asked for.
struct ApplyGoal {
  Way way = Way::out;
  bool adopt_history = false;
  bool force = false;
};

/// The steps of `apply` in order. Pure.
cli::Plan plan_apply(const config::Migration& config, const ApplyGoal& goal,
                     const std::vector<ObservedStage>& stages);

/// Takes out of the stale objects those that hold data or secrets, which apply never deletes, and
/// returns them. Pure.
std::vector<nlohmann::json> keep_what_holds_data(resources::SetState& state);

/// What `remove` deletes of all that bears the temporary label: everything, but volumes only when
/// `volumes`. Pure.
std::vector<nlohmann::json> to_be_removed(std::vector<nlohmann::json> labelled, bool volumes);

/// The steps of `remove`. Pure.
cli::Plan plan_remove(const config::Migration& config, const std::vector<nlohmann::json>& objects,
                      bool volumes);

}  // namespace crossover::db_provision
