// Routes on a real API server (CROSSOVER_TEST_KUBECONFIG), and the whole task with a router.
#include "cutover/route.h"

#include "fixtures/servers/scripted_server.h"
#include "integration/cutover/site.h"
#include "integration/kube/cluster.h"
#include "kube/evidence.h"

namespace crossover::test {
namespace {

using kube::testing::error_of;
using kube::testing::TestCluster;
using nlohmann::json;

json service_named(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}}},
          {"spec", {{"selector", {{"app", name}}}, {"ports", {{{"port", 8080}}}}}}};
}

/// A cluster with the Services and a Route and an HTTPRoute that lead to the old one.
struct Routes {
  Routes() {
    cluster.client().create(service_named("registry-api"));
    cluster.client().create(service_named("registry-api-flyway"));
    cluster.client().create(json::parse(R"({"apiVersion": "route.openshift.io/v1", "kind": "Route",
      "metadata": {"name": "web", "annotations": {"team": "blue"}},
      "spec": {"host": "registry.example", "path": "/api", "port": {"targetPort": 8080},
               "to": {"kind": "Service", "name": "registry-api", "weight": 90},
               "alternateBackends": [{"kind": "Service", "name": "canary", "weight": 10}]}})"));
    cluster.client().create(
        json::parse(R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
      "metadata": {"name": "web"},
      "spec": {"hostnames": ["registry.example"], "parentRefs": [{"name": "gateway"}],
               "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                          "backendRefs": [{"name": "registry-api", "port": 8080, "weight": 9},
                                          {"name": "canary", "port": 8080, "weight": 1}]}]}})"));
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

TEST_CASE_METHOD(Routes, "a route is led to the new service and back", "[cluster]") {
  for (const auto kind : {config::RouteKind::route, config::RouteKind::http_route}) {
    cutover::RouteControl control = this->control(kind);
    const json before = control.read();
    const bool http = kind == config::RouteKind::http_route;
    const std::int64_t share = http ? 9 : 90;
    const std::int64_t foreign = http ? 1 : 10;
    CHECK(control.lead_to_new());
    const json led = control.read();
    CHECK(cutover::route_backends(led) ==
          std::vector<cutover::Backend>{{"registry-api-flyway", share}, {"canary", foreign}});
    CHECK(led["metadata"]["annotations"][cutover::previous_backends_annotation] ==
          json({{{"service", "registry-api"}, {"weight", share}},
                {{"service", "canary"}, {"weight", foreign}}})
              .dump());
    CHECK_FALSE(control.lead_to_new());
    CHECK(control.read() == led);
    CHECK(control.lead_to_old());
    CHECK(control.read()["spec"] == before["spec"]);
  }
}

TEST_CASE_METHOD(Routes, "what somebody wrote since a route was read is kept", "[cluster]") {
  for (const auto kind : {config::RouteKind::route, config::RouteKind::http_route}) {
    cutover::RouteControl control = this->control(kind);
    const json patch = cutover::route_patch(control.read(), "registry-api", "registry-api-flyway");
    cluster.client().patch(control.ref(), {{"metadata", {{"labels", {{"by", "somebody"}}}}}});
    const Error error =
        error_of([&] { cluster.client().patch(control.ref(), kube::PatchType::json, patch, {}); });
    const int status = error.http_status();
    CHECK((status == 409 || status == 422));
    CHECK(cutover::route_backends(control.read()).front().service == "registry-api");
    CHECK(control.lead_to_new());
    CHECK(control.read()["metadata"]["labels"]["by"] == "somebody");
  }
}

TEST_CASE_METHOD(Routes, "what can't be led is refused and left alone", "[cluster]") {
  cutover::RouteControl control = this->control(config::RouteKind::route);
  cluster.client().remove({"v1", "Service", {}, "registry-api-flyway"});
  CHECK(error_of([&] { control.lead_to_new(); }).text() ==
        "unable to lead 'route/web' to service 'registry-api-flyway': the service does not exist");
  cluster.client().create(service_named("registry-api-flyway"));
  cluster.client().patch(control.ref(),
                         {{"metadata", {{"labels", {{"argocd.argoproj.io/instance", "web"}}}}}});
  const json before = cluster.client().get(control.ref());
  CHECK(error_of([&] { control.lead_to_new(); }).text() ==
        "unable to change 'route/web': it is owned by Argo CD application 'web'");
  CHECK(cluster.client().get(control.ref()) == before);
}

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
    const json route = client_->get("route.openshift.io/v1", "Route", "web");
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

std::string with_route(const std::string& ns, int router_port) {
  return fmt::format(
      "approval: none\nnamespace: {}\n"
      "route: {{name: web, oldService: registry-api, newService: registry-api-flyway, "
      "url: 'http://127.0.0.1:{}', host: registry.example, "
      "marker: {{path: /version, header: X-Version, old: original, new: flyway}}}}\n"
      "verify: {{endpoints: [{{name: health, path: /health, status: 200}}]}}\n"
      "switch: {{quiet: 500ms, uptakeTimeout: 20s, watch: 2s, health: {{endpoint: health, "
      "failures: 3}}}}\n",
      ns, router_port);
}

struct WholeSite : Routes {
  Router router{cluster};
  Site site{with_route(cluster.ns(), router.port())};
  std::string leads_to() {
    return cutover::route_backends(control(config::RouteKind::route).read()).front().service;
  }
  std::vector<std::string> outcomes() {
    std::vector<std::string> found;
    for (const json& entry : kube::EvidenceLog(cluster.client(), cluster.ns(), migration).read()) {
      found.push_back(entry.at("step").get<std::string>() + " " +
                      entry.at("outcome").get<std::string>());
    }
    return found;
  }
};

TEST_CASE_METHOD(WholeSite, "switch leads the route, then moves the database; rollback undoes both",
                 "[cluster]") {
  const json plan = site.run(0, {"plan"});
  CHECK(leads_to() == "registry-api");
  const json switched = site.run(0, {"switch", "--approved-plan", plan["plan_sha256"]});
  CHECK(switched["changed"] == true);
  CHECK(leads_to() == "registry-api-flyway");
  CHECK(site.live() == "new");
  CHECK(site.run(0, {"switch"})["changed"] == false);

  CHECK(site.run(0, {"rollback"})["changed"] == true);
  CHECK(leads_to() == "registry-api");
  CHECK(site.live() == "old");
  CHECK(site.run(0, {"rollback"})["changed"] == false);

  CHECK(site.run(0, {"switch", "--database-only"})["changed"] == true);
  CHECK(leads_to() == "registry-api");
  CHECK(outcomes() == std::vector<std::string>{"route-switch switch done",
                                               "route-switch rollback done",
                                               "route-switch switch done"});
}

TEST_CASE_METHOD(WholeSite, "a health signal that fails after the switch moves everything back",
                 "[cluster]") {
  router.break_new_api();
  const json result = site.run(7, {"switch"});
  CHECK(result["error"]["message"] == "unable to stay on the new database: '/health' answers 500");
  CHECK(leads_to() == "registry-api");
  CHECK(site.live() == "old");
  CHECK_FALSE(site.service().state().paused);
  CHECK(outcomes() == std::vector<std::string>{"route-switch switch rolled-back"});
}

TEST_CASE_METHOD(WholeSite, "killed after the route, a rerun ends the switch", "[cluster]") {
  CHECK(site.start({"switch"}, "switch-locked:kill").signal == 9);
  CHECK(leads_to() == "registry-api-flyway");
  CHECK(site.live() == "old");
  // The Lease of the dead one is taken at once, since its locks in the databases are free.
  const auto start = std::chrono::steady_clock::now();
  CHECK(site.run(0, {"switch"})["changed"] == true);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(15));
  CHECK(site.live() == "new");
}

}  // namespace
}  // namespace crossover::test
