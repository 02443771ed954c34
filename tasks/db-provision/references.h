#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sync/gate.h"

namespace crossover::db_provision {

/// Something that stays and leads to something that would go.
struct Reference {
  std::string from;  ///< "route/web"
  std::string to;    ///< "service/api-new"
};

/// What is in the namespaces around the objects that would go.
struct Surroundings {
  std::vector<nlohmann::json> routes;     ///< Route and HTTPRoute objects
  std::vector<nlohmann::json> services;   ///< all of them
  std::vector<nlohmann::json> workloads;  ///< Deployment, DeploymentConfig, StatefulSet, DaemonSet
};

/// What of the surroundings leads to `going`: a Route whose requests reach a Service that goes, or
/// one whose pods all go; a workload whose environment names such a Service (an API that connects
/// to the pooler). A Route called as in `configured_routes` counts even if it goes itself. Pure.
std::vector<Reference> references_into(const std::vector<nlohmann::json>& going,
                                       const Surroundings& surroundings,
                                       const std::vector<std::string>& configured_routes);

/// Why the new set may not go, as the gates tell which database is live: empty when the old one is,
/// or when no gate was ever installed. A database that cannot be asked is nullopt. Pure.
std::string live_database_objection(std::optional<sync::GateState> old_gate,
                                    std::optional<sync::GateState> new_gate);

}  // namespace crossover::db_provision
