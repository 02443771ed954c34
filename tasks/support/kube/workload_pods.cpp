#include "kube/workload_pods.h"

#include <fmt/format.h>

namespace crossover::kube {

namespace {

using nlohmann::json;

bool is_owned_by(const json& object, const std::string& uid) {
  for (const json& owner : at(object, "/metadata/ownerReferences")) {
    if (text_at(owner, "/uid") == uid) {
      return true;
    }
  }
  return false;
}

std::vector<json> deployment_pods(Client& client, const json& object, const std::string& ns,
                                  const std::string& selector) {
  const std::string revision = annotation(object, "deployment.kubernetes.io/revision");
  std::string newest;
  for (const json& set : client.list("apps/v1", "ReplicaSet", selector, ns).items) {
    if (is_owned_by(set, text_at(object, "/metadata/uid")) &&
        annotation(set, "deployment.kubernetes.io/revision") == revision) {
      newest = text_at(set, "/metadata/uid");
    }
  }
  std::vector<json> pods = client.list("v1", "Pod", selector, ns).items;
  std::erase_if(pods, [&](const json& pod) { return !is_owned_by(pod, newest); });
  return pods;
}

std::vector<json> deployment_config_pods(Client& client, const json& object,
                                         const std::string& ns) {
  const std::string version = fmt::format("{}-{}", text_at(object, "/metadata/name"),
                                          integer_at(object, "/status/latestVersion"));
  std::vector<json> pods =
      client.list("v1", "Pod", "openshift.io/deployer-pod-for.name=" + version, ns).items;
  for (json& pod : client.list("v1", "Pod", "deployment=" + version, ns).items) {
    pods.push_back(std::move(pod));
  }
  return pods;
}

}  // namespace

std::vector<json> workload_pods(Client& client, const json& object) {
  const std::string kind = text_at(object, "/kind");
  const std::string ns = text_at(object, "/metadata/namespace");
  if (kind == "Pod") {
    return {object};
  }
  if (kind == "DeploymentConfig") {
    return deployment_config_pods(client, object, ns);
  }
  const json& labels = at(object, "/spec/selector/matchLabels");
  const std::string selector =
      selector_text(kind == "ReplicationController" ? at(object, "/spec/selector") : labels);
  if (selector.empty()) {
    return {};
  }
  if (kind == "Deployment") {
    return deployment_pods(client, object, ns, selector);
  }
  std::vector<json> pods = client.list("v1", "Pod", selector, ns).items;
  if (kind == "StatefulSet") {
    const std::string revision = text_at(object, "/status/updateRevision");
    std::erase_if(
        pods, [&](const json& pod) { return label(pod, "controller-revision-hash") != revision; });
  }
  return pods;
}

}  // namespace crossover::kube
