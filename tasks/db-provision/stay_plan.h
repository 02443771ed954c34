#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/plan.h"
#include "config/migration.h"
#include "db-provision/plan.h"
#include "sync/gate.h"

namespace crossover::db_provision {

/// The set of the objects that `apply --stay` applies.
inline constexpr const char* stay_set = "stay";

/// What a database says of the migration, for `apply --stay`.
struct StayFacts {
  bool reachable = false;
  std::string phase;  ///< of crossover.migration; empty: schema crossover is not there
  sync::GateState gate = sync::GateState::absent;
};

/// Why the pooler may not go yet; empty when it may: the old database is closed, and the migration
/// ended by `data-sync finish`, or removed since. Pure.
std::string stay_objection(const StayFacts& old_side, const StayFacts& new_side);

/// What bears the temporary label, by what can be done about it.
struct Labelled {
  /// Objects of Crossover's own sets, and kinds that nobody finds by this label: claims, Secrets,
  /// and old replica sets whose selector does without it. The label is taken off these.
  std::vector<nlohmann::json> unlabel;
  /// What workloads made with labels of their own: pods, and what a database's high availability
  /// keeps its state in. It may find them by these labels, so they are left alone.
  std::vector<nlohmann::json> left;
};

/// Sorts them; those of `going` (by uid) and those that are ending are left out. Pure.
Labelled sort_labelled(const std::vector<nlohmann::json>& labelled,
                       const std::vector<nlohmann::json>& going, const config::Migration& config);

/// Throws Error{usage} when an object of provision.stay still bears the temporary label, or its
/// environment names Service `pooler`. Pure.
void require_without_temporary(const std::vector<nlohmann::json>& objects,
                               const config::Migration& config);

/// The steps of `apply --stay`. Pure.
cli::Plan plan_stay(const config::Migration& config, const ApplyGoal& goal,
                    const ObservedStage& stage, const std::vector<nlohmann::json>& going,
                    const std::vector<nlohmann::json>& unlabel);

}  // namespace crossover::db_provision
