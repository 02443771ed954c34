#include "db-provision/surroundings.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace crossover::db_provision {

namespace {

using nlohmann::json;

void append(kube::Client& client, const std::string& api_version, const std::string& kind,
            const std::string& ns, std::vector<json>& objects) {
  if (client.serves(api_version, kind)) {
    std::vector<json> more = client.list(api_version, kind, {}, ns).items;
    std::ranges::move(more, std::back_inserter(objects));
  }
}

}  // namespace

Surroundings read_surroundings(kube::Client& client, const std::vector<std::string>& namespaces) {
  Surroundings around;
  for (const std::string& ns : namespaces) {
    append(client, "route.openshift.io/v1", "Route", ns, around.routes);
    append(client, "gateway.networking.k8s.io/v1", "HTTPRoute", ns, around.routes);
    append(client, "v1", "Service", ns, around.services);
    append(client, "apps/v1", "Deployment", ns, around.workloads);
    append(client, "apps/v1", "StatefulSet", ns, around.workloads);
    append(client, "apps/v1", "DaemonSet", ns, around.workloads);
    append(client, "apps.openshift.io/v1", "DeploymentConfig", ns, around.workloads);
  }
  return around;
}

}  // namespace crossover::db_provision
