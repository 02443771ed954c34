#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kube/client.h"

namespace crossover::route_switch {

/// Why a pooler could come or go by itself in the middle of a switch, where it would be missed by
/// PAUSE: a rollout under way, or a HorizontalPodAutoscaler (autoscaling/v2) whose minReplicas and
/// maxReplicas differ. Empty when neither is so. Pure.
std::string scaling_objection(const nlohmann::json& deployment,
                              const std::vector<nlohmann::json>& autoscalers);

/// Whether a PodDisruptionBudget (policy/v1) covers the pods of a Deployment, so that a drain of a
/// node waits. Pure.
bool evictions_held(const nlohmann::json& deployment, const std::vector<nlohmann::json>& budgets);

/// The same, asked of the cluster, of the Deployment of that name. Throws Error{precondition}
/// `unable to switch: ...`; returns what it saw, a missing budget among it.
std::string require_steady_poolers(kube::Client& client, const std::string& deployment);

}  // namespace crossover::route_switch
