#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kube/client.h"

namespace crossover::cutover {

/// Something that sends requests to a Service, as far as its object tells.
struct Caller {
  std::string object;  ///< "deployment/mailer"
  std::string how;     ///< "API_URL", a key of a ConfigMap, or "backend"
  bool operator==(const Caller&) const = default;
};

/// Who among `objects` names Service `service` of namespace `ns` as a host: environment variables
/// of workloads and schedules, values of ConfigMaps, and backends of Routes, HTTPRoutes and
/// Ingresses. `objects` with apiVersion and kind, each of any namespace: from another one the short
/// name means another Service. Pods that read the address from elsewhere are not seen. Pure.
std::vector<Caller> callers_of(const std::string& service, const std::string& ns,
                               const std::vector<nlohmann::json>& objects);

/// The same, asked of the namespace, without the workloads behind the Service itself and without
/// the routes called as in `except`. What may not be listed is left out.
std::vector<Caller> read_callers(kube::Client& client, const std::string& service,
                                 const std::string& ns, const std::vector<std::string>& except);

}  // namespace crossover::cutover
