// Routes on a real API server (CROSSOVER_TEST_KUBECONFIG), and the whole task with a router.
#include "cutover/route.h"

#include "integration/cutover/whole_site.h"

namespace crossover::test {
namespace {

using kube::testing::error_of;
using nlohmann::json;

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

TEST_CASE_METHOD(WholeSite, "the route is not led to pods that are not ready", "[cluster]") {
  set_ready("registry-api-flyway", false);
  const json early = site.run(6, {"switch"});
  CHECK(early["error"]["message"] ==
        "unable to lead requests to service 'registry-api-flyway': 0 of 1 pods are ready after 2 "
        "s");
  CHECK(early["error"]["hint"] ==
        "nothing has been changed: see `db-provision status`, and run this step again when the "
        "pods are ready");
  CHECK(leads_to() == "registry-api");
  CHECK(site.live() == "old");

  set_ready("registry-api-flyway", true);
  set_ready("registry-api", false);
  site.run(0, {"switch"});
  // The old API is not there when the service goes back: the data goes, the users stay.
  const json late = site.run(6, {"rollback"});
  CHECK(late["error"]["message"] ==
        "unable to lead requests to service 'registry-api': 0 of 1 pods are ready after 2 s");
  CHECK(late["error"]["hint"].get<std::string>().starts_with(
      "the service is safe: it runs on the old database through the new API"));
  CHECK(leads_to() == "registry-api-flyway");
  CHECK(site.live() == "old");
  CHECK_FALSE(site.service().state().paused);

  set_ready("registry-api", true);
  site.run(0, {"rollback"});
  CHECK(leads_to() == "registry-api");
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
