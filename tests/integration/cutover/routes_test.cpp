// Several APIs on the one database: their routes are led together, on a real API server.
#include "integration/cutover/pods.h"
#include "integration/cutover/two_routes.h"

namespace crossover::test {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;

json table_named(const json& result, const std::string& title) {
  for (const json& table : result.at("tables")) {
    if (table.at("title") == title) {
      return table;
    }
  }
  return nullptr;
}

TEST_CASE_METHOD(TwoRoutesSite, "all routes are led, then the database; rollback undoes all",
                 "[cluster]") {
  const json planned = site.run(0, {"plan"});
  CHECK(check_named(planned, "new API (web)")["outcome"] == "pass");
  CHECK(check_named(planned, "new API (admin)")["detail"] ==
        "1 pods are ready behind service 'admin-api-new', 1 are needed");
  CHECK(lead_to() == both_old);

  const json switched = site.run(0, {"switch", "--approved-plan", planned["plan_sha256"]});
  CHECK(changed(switched) == Texts{"route/web", "httproute/admin", "service"});
  CHECK(lead_to() == both_new);
  CHECK(site.live() == "new");
  CHECK(cutover::was_led_from(admin(), "admin-api"));
  CHECK(table_named(site.run(0, {"status"}), "routes")["rows"] ==
        json::parse(R"([["route/web", "registry-api-flyway", "90"], ["route/web", "canary", "10"],
                        ["httproute/admin", "admin-api-new", "1"]])"));
  CHECK(site.run(0, {"switch"})["changed"] == false);

  const json back = site.run(0, {"rollback"});
  CHECK(changed(back) == Texts{"service", "httproute/admin", "route/web"});
  CHECK(lead_to() == both_old);
  CHECK(site.live() == "old");
  CHECK(site.run(0, {"rollback"})["changed"] == false);
}

TEST_CASE_METHOD(TwoRoutesSite, "killed between two routes, a rerun ends the switch or rollback",
                 "[cluster]") {
  CHECK(site.start({"switch"}, "route-led:kill").signal == 9);
  CHECK(lead_to() == "registry-api-flyway admin-api");
  CHECK(site.live() == "old");
  CHECK(changed(site.run(0, {"switch"})) == Texts{"httproute/admin", "service"});
  CHECK(lead_to() == both_new);
  CHECK(site.live() == "new");

  CHECK(site.start({"rollback"}, "route-led-back:kill").signal == 9);
  CHECK(lead_to() == "registry-api-flyway admin-api");
  CHECK(site.live() == "old");
  CHECK(changed(site.run(0, {"rollback"})) == Texts{"route/web"});
  CHECK(lead_to() == both_old);
}

constexpr const char* not_followed =
    "unable to see the new API of 'httproute/admin' behind 'http://127.0.0.1:{}': the marker is "
    "'1'";

TEST_CASE_METHOD(TwoRoutesSite, "where one route is not followed, all go back", "[cluster]") {
  router.stick("admin.example");
  const json failed = site.run(6, {"switch"});
  CHECK(message(failed) == fmt::format(not_followed, router.port()));
  CHECK(
      failed["error"]["hint"] ==
      "led back to the old API: 'httproute/admin', 'route/web'; one database is still written, so "
      "nothing is lost: run this step again when the cause is mended");
  CHECK(changed(failed) == Texts{"route/web", "httproute/admin", "httproute/admin", "route/web"});
  CHECK(lead_to() == both_old);
  CHECK(site.live() == "old");

  // The one that a killed run has led goes back too, and so it does once more after a kill there.
  CHECK(site.start({"switch"}, "route-led:kill").signal == 9);
  CHECK(lead_to() == "registry-api-flyway admin-api");
  CHECK(site.start({"switch"}, "route-led-back:kill").signal == 9);
  CHECK(lead_to() == "registry-api-flyway admin-api");
  CHECK(message(site.run(6, {"switch"})) == fmt::format(not_followed, router.port()));
  CHECK(lead_to() == both_old);

  // Nobody is led to an old API that is not there any more.
  CHECK(site.start({"switch"}, "route-led:kill").signal == 9);
  set_ready("registry-api", false);
  CHECK(site.run(6, {"switch"})["error"]["hint"] ==
        "led back to the old API: 'httproute/admin'; not led back, look at `route-switch status` "
        "and run `route-switch rollback`: 'route/web'; one database is still written, so nothing "
        "is lost: run this step again when the cause is mended");
  CHECK(lead_to() == "registry-api-flyway admin-api");
  set_ready("registry-api", true);

  router.stick("admin.example", false);
  site.run(0, {"switch"});
  CHECK(lead_to() == both_new);

  // Behind the database's move there is no way back but by `rollback`: the old one takes no writes.
  router.stick("admin.example");
  site.run(6, {"switch"});
  CHECK(lead_to() == both_new);
  CHECK(site.live() == "new");
}

TEST_CASE_METHOD(TwoRoutesSite, "a route that somebody else has led is not led back", "[cluster]") {
  cluster.client().patch({"route.openshift.io/v1", "Route", {}, "web"},
                         {{"spec", {{"to", {{"name", "registry-api-flyway"}}}}}});
  router.stick("admin.example");
  CHECK(changed(site.run(6, {"switch"})) == Texts{"httproute/admin", "httproute/admin"});
  CHECK(lead_to() == "registry-api-flyway admin-api");
}

TEST_CASE_METHOD(TwoRoutesSite,
                 "pods that are not ready hold up the switch of all, the rollback "
                 "only of their own route",
                 "[cluster]") {
  set_ready("admin-api-new", false);
  const json early = site.run(6, {"switch"});
  CHECK(message(early) ==
        "unable to lead requests to service 'admin-api-new': 0 of 1 pods are ready after 2 s");
  CHECK(changed(early).empty());
  CHECK(lead_to() == both_old);

  set_ready("admin-api-new", true);
  site.run(0, {"switch"});
  set_ready("admin-api", false);
  const json late = site.run(6, {"rollback"});
  CHECK(message(late) ==
        "unable to lead requests to service 'admin-api': 0 of 1 pods are ready after 2 s");
  CHECK(late["error"]["hint"] ==
        "not led back to the old API: 'httproute/admin'; all others are. The service is safe, it "
        "runs on the old database: mend the cause, then run `route-switch rollback` again");
  CHECK(lead_to() == "registry-api admin-api-new");
  CHECK(site.live() == "old");
  set_ready("admin-api", true);
  CHECK(changed(site.run(0, {"rollback"})) == Texts{"httproute/admin"});
  CHECK(lead_to() == both_old);
}

TEST_CASE_METHOD(TwoRoutesSite,
                 "the health of each route is watched; one that fails moves all back",
                 "[cluster]") {
  router.break_new_api("registry.example", "/alive");  // the other's signal
  router.break_new_api("admin.example", "/alive");
  const json result = site.run(7, {"switch"});
  CHECK(message(result) ==
        "unable to stay on the new database: '/alive' of 'httproute/admin' answers 500");
  CHECK(lead_to() == both_old);
  CHECK(site.live() == "old");
}

/// The other Services have addresses made by hand; this pair has pods by a selector.
struct MovedAdminSite : TwoRoutesSite {
  MovedAdminSite() : TwoRoutesSite(", moveCallers: true") {
    for (const std::string name : {"admin-api", "admin-api-new"}) {
      cluster.client().patch({"v1", "Service", {}, name},
                             {{"spec", {{"selector", {{"app", name}}}}}});
    }
    cluster.client().create(pod_named("admin-1", "admin-api"));
    set_pod_ready(cluster.client(), "admin-1", true);
  }
  json selector() { return cluster.client().get("v1", "Service", "admin-api")["spec"]["selector"]; }
};

TEST_CASE_METHOD(MovedAdminSite, "callers are moved or listed as each route says", "[cluster]") {
  json mailer = kube::testing::deployment("mailer", 0);
  mailer["spec"]["template"]["spec"]["containers"][0]["env"] = {
      {{"name", "API_URL"}, {"value", "http://registry-api:8080/v1"}},
      {{"name", "ADMIN_URL"}, {"value", "http://admin-api:8080/v1"}}};
  cluster.client().create(mailer);
  const json planned = site.run(0, {"plan"});
  CHECK(check_named(planned, "callers (web)")["detail"] ==
        "service 'registry-api' is called by deployment/mailer (API_URL)");
  CHECK(check_named(planned, "callers (admin)")["detail"] ==
        "service 'admin-api' is moved with the route");

  router.stick("admin.example");
  site.run(6, {"switch"});
  CHECK(selector() == json{{"app", "admin-api"}});
  CHECK(lead_to() == both_old);
  router.stick("admin.example", false);
  CHECK(changed(site.run(0, {"switch"})) ==
        Texts{"route/web", "httproute/admin", "service/admin-api", "service"});
  CHECK(selector() == json{{"app", "admin-api-new"}});
}

}  // namespace
}  // namespace crossover::test
