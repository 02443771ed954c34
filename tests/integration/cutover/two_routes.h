#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "integration/cutover/whole_site.h"

namespace crossover::test {

/// A router for two hosts, each led by an object of its own: the Route `web` and the HTTPRoute
/// `admin`. It does as they say at once; an answer shows which API gave it, of `web` by a header,
/// of `admin` in its JSON.
class TwoHostRouter {
 public:
  explicit TwoHostRouter(TestCluster& cluster)
      : client_(cluster.another()),
        server_([this](const auto& request) { return serve(request); }) {}
  int port() const { return server_.port(); }
  /// From now on this host stays with its old API, whatever its object says; or no longer.
  void stick(const std::string& host, bool sticks = true) {
    const std::lock_guard lock(mutex_);
    sticks ? void(stuck_.insert(host)) : void(stuck_.erase(host));
  }
  /// From now on the new API of this host answers `path` with a server's error.
  void break_new_api(const std::string& host, const std::string& path) {
    const std::lock_guard lock(mutex_);
    broken_.insert(host + path);
  }

 private:
  std::string serve(const testing::ScriptedServer::Request& request) {
    const std::lock_guard lock(mutex_);
    const bool admin = request.head.find("admin.example") != std::string::npos;
    const std::string host = admin ? "admin.example" : "registry.example";
    const nlohmann::json object =
        admin ? client_->get("gateway.networking.k8s.io/v1", "HTTPRoute", "admin")
              : client_->get("route.openshift.io/v1", "Route", "web");
    const std::string service = cutover::route_backends(object).front().service;
    const bool is_new =
        (service == "registry-api-flyway" || service == "admin-api-new") && !stuck_.contains(host);
    const int status = is_new && broken_.contains(host + request.target) ? 500 : 200;
    if (admin) {
      return testing::ScriptedServer::answer(status, is_new ? R"({"api": 2})" : R"({"api": 1})");
    }
    return testing::ScriptedServer::answer(
        status, "{}", std::string("X-Version: ") + (is_new ? "flyway\r\n" : "original\r\n"));
  }

  std::unique_ptr<kube::Client> client_;
  std::mutex mutex_;
  std::set<std::string> stuck_;
  std::set<std::string> broken_;
  testing::ScriptedServer server_;
};

inline std::string with_two_routes(const std::string& ns, int router_port,
                                   const std::string& more_of_admin) {
  return fmt::format(
      R"(approval: none
namespace: {0}
routes:
- {{name: web, oldService: registry-api, newService: registry-api-flyway,
   url: 'http://127.0.0.1:{1}', host: registry.example,
   marker: {{path: /version, header: X-Version, old: original, new: flyway}}}}
- {{kind: HTTPRoute, name: admin, oldService: admin-api, newService: admin-api-new,
   url: 'http://127.0.0.1:{1}', host: admin.example, health: alive,
   marker: {{path: /about, json: /api, old: '1', new: '2'}}{2}}}
verify:
  endpoints: [{{name: health, path: /health}}, {{name: alive, path: /alive}}]
switch: {{quiet: 500ms, readyTimeout: 2s, uptakeTimeout: 2s, watch: 2s, health: {{endpoint: health}}}}
)",
      ns, router_port, more_of_admin);
}

/// Two APIs on the one database, each with a Service and a route of its own.
struct TwoRoutesSite : Routes {
  explicit TwoRoutesSite(const std::string& more_of_admin = {})
      : site((make_admin(), with_two_routes(cluster.ns(), router.port(), more_of_admin))) {}

  /// "registry-api admin-api": the Services that the two lead to.
  std::string lead_to() {
    return cutover::route_backends(control(config::RouteKind::route).read()).front().service + " " +
           cutover::route_backends(admin()).front().service;
  }
  nlohmann::json admin() {
    return cluster.client().get("gateway.networking.k8s.io/v1", "HTTPRoute", "admin");
  }

  TwoHostRouter router{cluster};
  Site site;

 private:
  void make_admin() {
    for (const char* service : {"admin-api", "admin-api-new"}) {
      cluster.client().create(service_named(service));
      set_ready(service, true);
    }
    cluster.client().create(
        nlohmann::json::parse(R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
      "metadata": {"name": "admin"},
      "spec": {"hostnames": ["admin.example"], "parentRefs": [{"name": "gateway"}],
               "rules": [{"backendRefs": [{"name": "admin-api", "port": 8080}]}]}})"));
  }
};

/// What a program changed, "route/web service", in the order in which it did.
inline std::vector<std::string> changed(const nlohmann::json& result) {
  std::vector<std::string> objects;
  for (const nlohmann::json& change : result.at("changes")) {
    objects.push_back(change.at("object"));
  }
  return objects;
}

inline constexpr const char* both_old = "registry-api admin-api";
inline constexpr const char* both_new = "registry-api-flyway admin-api-new";

}  // namespace crossover::test
