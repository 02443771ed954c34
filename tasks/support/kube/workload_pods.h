#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "kube/client.h"

namespace crossover::kube {

/// The pods that a workload has made of its present template: those of a Deployment's newest
/// ReplicaSet, of a StatefulSet's update revision, of a DeploymentConfig's latest version and of
/// that version's hooks; of other kinds all that their selector means. Pods of older templates may
/// be broken without that meaning anything for the new one. Empty for kinds that have no pods.
std::vector<nlohmann::json> workload_pods(Client& client, const nlohmann::json& object);

}  // namespace crossover::kube
