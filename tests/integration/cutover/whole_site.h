#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cutover/route.h"
#include "fixtures/servers/scripted_server.h"
#include "integration/cutover/site.h"
#include "integration/kube/cluster.h"
#include "kube/evidence.h"

namespace crossover::test {

using kube::testing::TestCluster;

inline nlohmann::json service_named(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}}},
          {"spec", {{"ports", {{{"port", 8080}}}}}}};
}

// A Service without a selector takes its addresses from slices that are made by hand.
inline nlohmann::json slice_of(const std::string& service, bool ready) {
  return {{"apiVersion", "discovery.k8s.io/v1"},
          {"kind", "EndpointSlice"},
          {"metadata",
           {{"name", service + "-1"}, {"labels", {{"kubernetes.io/service-name", service}}}}},
          {"addressType", "IPv4"},
          {"endpoints", {{{"addresses", {"10.9.8.7"}}, {"conditions", {{"ready", ready}}}}}},
          {"ports", {{{"port", 8080}}}}};
}

/// A cluster with the Services and a Route and an HTTPRoute that lead to the old one.
struct Routes {
  Routes() {
    cluster.client().create(service_named("registry-api"));
    cluster.client().create(service_named("registry-api-flyway"));
    set_ready("registry-api", true);
    set_ready("registry-api-flyway", true);
    cluster.client().create(
        nlohmann::json::parse(R"({"apiVersion": "route.openshift.io/v1", "kind": "Route",
      "metadata": {"name": "web", "annotations": {"team": "blue"}},
      "spec": {"host": "registry.example", "path": "/api", "port": {"targetPort": 8080},
               "to": {"kind": "Service", "name": "registry-api", "weight": 90},
               "alternateBackends": [{"kind": "Service", "name": "canary", "weight": 10}]}})"));
    cluster.client().create(
        nlohmann::json::parse(R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
      "metadata": {"name": "web"},
      "spec": {"hostnames": ["registry.example"], "parentRefs": [{"name": "gateway"}],
               "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                          "backendRefs": [{"name": "registry-api", "port": 8080, "weight": 9},
                                          {"name": "canary", "port": 8080, "weight": 1}]}]}})"));
  }
  void set_ready(const std::string& service, bool ready) {
    cluster.client().apply(slice_of(service, ready));
  }
  cutover::RouteControl control(config::RouteKind kind) {
    config::Route route;
    route.kind = kind;
    route.name = "web";
    route.old_service = "registry-api";
    route.new_service = "registry-api-flyway";
    return {cluster.client(), route, cluster.ns()};
  }
  TestCluster cluster;
};

/// A router that does as the Route says at once, and an API behind it that says which it is.
class Router {
 public:
  explicit Router(TestCluster& cluster)
      : client_(cluster.another()),
        server_([this](const auto& request) { return serve(request); }) {}
  int port() const { return server_.port(); }
  /// From now on `/health` of the new API fails.
  void break_new_api() { broken_ = true; }

 private:
  std::string serve(const testing::ScriptedServer::Request& request) {
    const std::lock_guard lock(mutex_);
    const nlohmann::json route = client_->get("route.openshift.io/v1", "Route", "web");
    const bool is_new = route["spec"]["to"]["name"] == "registry-api-flyway";
    const int status = request.target == "/health" && broken_ && is_new ? 500 : 200;
    return testing::ScriptedServer::answer(
        status, "{}", std::string("X-Version: ") + (is_new ? "flyway\r\n" : "original\r\n"));
  }

  std::unique_ptr<kube::Client> client_;
  std::mutex mutex_;
  std::atomic<bool> broken_{false};
  testing::ScriptedServer server_;
};

/// `more` is added to the route section.
inline std::string with_route(const std::string& ns, int router_port, const std::string& more = {},
                              const std::string& after = {}) {
  return fmt::format(
             "approval: none\nnamespace: {}\n"
             "route: {{name: web, oldService: registry-api, newService: registry-api-flyway, "
             "url: 'http://127.0.0.1:{}', host: registry.example, "
             "marker: {{path: /version, header: X-Version, old: original, new: flyway}}{}}}\n"
             "verify: {{endpoints: [{{name: health, path: /health, status: 200}}]}}\n"
             "switch: {{quiet: 500ms, readyTimeout: 2s, uptakeTimeout: 20s, watch: 2s, health: "
             "{{endpoint: health, "
             "failures: 3}}}}\n",
             ns, router_port, more) +
         after;
}

struct WholeSite : Routes {
  explicit WholeSite(const std::string& more_of_route = {}, const std::string& more = {})
      : site(with_route(cluster.ns(), router.port(), more_of_route, more)) {}
  Router router{cluster};
  Site site;
  std::string leads_to() {
    return cutover::route_backends(control(config::RouteKind::route).read()).front().service;
  }
  std::vector<std::string> outcomes() {
    std::vector<std::string> found;
    for (const nlohmann::json& entry :
         kube::EvidenceLog(cluster.client(), cluster.ns(), migration).read()) {
      found.push_back(entry.at("step").get<std::string>() + " " +
                      entry.at("outcome").get<std::string>());
    }
    return found;
  }
};

}  // namespace crossover::test
