#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/route.h"
#include "kube/client.h"

namespace crossover::cutover {

/// A Service that a route leads to, and its share.
struct Backend {
  std::string service;
  std::int64_t weight = 0;
  bool operator==(const Backend&) const = default;
};

/// The annotation in which the backends of before are kept, as JSON.
inline constexpr const char* previous_backends_annotation = "crossover/previous-backends";

/// The changes of a Route (route.openshift.io/v1) or HTTPRoute (gateway.networking.k8s.io/v1) that
/// lead it to one service instead of the other, as a JSON patch (RFC 6902) that fails when the
/// object has changed since it was read. Empty when it leads there already. Backends of other
/// services, filters, matches, ports and everything else stay as they are. Pure.
///
/// The service that is left goes away from the object: a weight of 0 would keep sticky sessions on
/// it (OpenShift, "Route-specific annotations", haproxy.router.openshift.io/disable_cookies).
/// Throws Error{precondition} `unable to patch 'route/web': no backend is service 'registry-api'`;
/// its hint calls the route's section of crossover.yaml `key`.
nlohmann::json route_patch(const nlohmann::json& object, const std::string& from,
                           const std::string& to, const std::string& key = "route");

/// Whether such a patch was the last to change the object, and led it away from that service, as
/// its annotation tells. Pure.
bool was_led_from(const nlohmann::json& object, const std::string& service);

/// The backends of an object, each service once. Pure.
std::vector<Backend> route_backends(const nlohmann::json& object);

/// One Route or HTTPRoute in a cluster.
class RouteControl {
 public:
  /// `client` is borrowed.
  RouteControl(kube::Client& client, config::Route route, std::string ns);

  /// Throws Error{precondition} when it is missing, or owned by a GitOps controller, or a Service
  /// that it is to lead to does not exist.
  nlohmann::json read() const;
  /// Leads it to the old or the new service. Returns whether anything had to change. Conditional on
  /// the resourceVersion read, tried again when somebody wrote in between.
  bool lead_to_new();
  bool lead_to_old();
  /// Whether it does so already, for the service of the new API or of the old one. Throws as `read`
  /// and `route_patch`.
  bool leads_to_new() const;
  bool leads_to_old() const;
  /// Whether it is there and leads to the new service because `lead_to_new` was called, in
  /// whichever run.
  bool was_led_to_new() const;
  kube::Ref ref() const;
  const config::Route& config() const { return route_; }

 private:
  bool lead(const std::string& from, const std::string& to);
  kube::Client& client_;
  config::Route route_;
  std::string ns_;
};

}  // namespace crossover::cutover
