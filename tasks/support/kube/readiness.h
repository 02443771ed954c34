#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace crossover::kube {

enum class ReadyState { ready, progressing, failed };

struct Readiness {
  ReadyState state = ReadyState::progressing;
  std::string reason;  ///< "1 of 3 replicas are ready"; empty when ready

  static Readiness ready() { return {ReadyState::ready, {}}; }
  static Readiness progressing(std::string reason) {
    return {ReadyState::progressing, std::move(reason)};
  }
  static Readiness failed(std::string cause) { return {ReadyState::failed, std::move(cause)}; }
};

/// Whether an object is what its spec asks for, judged by what the server says of it and nothing
/// else. observedGeneration comes first: a status from before the last change means nothing.
/// Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, DeploymentConfig, Job,
/// Pod, PersistentVolumeClaim, Service, CustomResourceDefinition, Route and HTTPRoute have their
/// own rules (those of `kubectl rollout status`, `oc rollout status` and the Gateway API); every
/// other kind is ready when it exists. A null object is `progressing("it does not exist")`.
/// For a Service `related` is the array of its EndpointSlices; without it a Service is ready.
Readiness readiness(const nlohmann::json& object, const nlohmann::json& related = {});

}  // namespace crossover::kube
