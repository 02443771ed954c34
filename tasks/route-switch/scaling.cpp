#include "route-switch/scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/list_allowed.h"
#include "kube/object.h"
#include "kube/readiness.h"

namespace crossover::route_switch {
namespace {

using nlohmann::json;

bool scales(const json& autoscaler, const json& deployment) {
  return kube::text_at(autoscaler, "/spec/scaleTargetRef/kind") == "Deployment" &&
         kube::text_at(autoscaler, "/spec/scaleTargetRef/name") ==
             kube::text_at(deployment, "/metadata/name");
}

}  // namespace

std::string scaling_objection(const json& deployment, const std::vector<json>& autoscalers) {
  const std::string name = kube::ref_of(deployment).text();
  const kube::Readiness state = kube::readiness(deployment);
  if (state.state != kube::ReadyState::ready) {
    return fmt::format("'{}' is being rolled out: {}", name, state.reason);
  }
  for (const json& autoscaler : autoscalers) {
    const std::int64_t least = kube::integer_at(autoscaler, "/spec/minReplicas", 1);
    const std::int64_t most = kube::integer_at(autoscaler, "/spec/maxReplicas", 1);
    if (scales(autoscaler, deployment) && least != most) {
      return fmt::format("'{}' may scale '{}' from {} to {} pods in the middle of it",
                         kube::ref_of(autoscaler).text(), name, least, most);
    }
  }
  return {};
}

bool evictions_held(const json& deployment, const std::vector<json>& budgets) {
  const json& labels = kube::at(deployment, "/spec/template/metadata/labels");
  return std::any_of(budgets.begin(), budgets.end(), [&](const json& budget) {
    return kube::selects(kube::at(budget, "/spec/selector/matchLabels"), labels);
  });
}

std::string require_steady_poolers(kube::Client& client, const std::string& deployment) {
  const auto live = client.find({"apps/v1", "Deployment", {}, deployment});
  if (!live) {
    return fmt::format("no deployment is called '{}': its poolers are somebody else's", deployment);
  }
  const std::string objection = scaling_objection(
      *live, kube::list_if_allowed(client, "autoscaling/v2", "HorizontalPodAutoscaler"));
  if (!objection.empty()) {
    throw Error(ErrorKind::precondition, "unable to switch: " + objection,
                "a pooler that comes while the others are paused would be missed: wait for the end "
                "of a rollout; give an autoscaler the same minReplicas and maxReplicas until the "
                "switch is over");
  }
  const bool held =
      evictions_held(*live, kube::list_if_allowed(client, "policy/v1", "PodDisruptionBudget"));
  return held ? "no rollout, no autoscaler; evictions are held off"
              : "no rollout, no autoscaler; no PodDisruptionBudget holds evictions off";
}

}  // namespace crossover::route_switch
