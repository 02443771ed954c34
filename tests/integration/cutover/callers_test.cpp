// Callers inside the cluster, on a real API server: those of the old Service, moved with the route.
#include "cutover/backend_ready.h"
#include "cutover/service_selector.h"
#include "integration/cutover/pods.h"
#include "integration/cutover/whole_site.h"

namespace crossover::test {
namespace {

using kube::testing::error_of;
using nlohmann::json;

/// The Services have pods by a selector; the old API's pod is there.
struct MovedSite : WholeSite {
  MovedSite() : WholeSite(", moveCallers: true") {
    for (const std::string name : {"registry-api", "registry-api-flyway"}) {
      cluster.client().patch({"v1", "Service", {}, name},
                             {{"spec", {{"selector", {{"app", name}}}}}});
    }
    cluster.client().create(pod_named("old-1", "registry-api"));
    set_pod_ready(cluster.client(), "old-1", true);
  }
  json selector() {
    return cluster.client().get("v1", "Service", "registry-api")["spec"]["selector"];
  }
};

TEST_CASE_METHOD(MovedSite, "the old service follows the route, and comes back with it",
                 "[cluster]") {
  const json own = {{"app", "registry-api"}};
  const json planned = site.run(0, {"plan"});
  CHECK(planned.dump().find("to the pods of service 'registry-api-flyway', for callers inside the "
                            "cluster") != std::string::npos);
  CHECK(selector() == own);
  site.run(0, {"switch"});
  CHECK(selector() == json{{"app", "registry-api-flyway"}});
  CHECK(site.run(0, {"switch"})["changed"] == false);

  // Its pods are looked for by their own labels, since the Service does not lead to them now.
  set_pod_ready(cluster.client(), "old-1", false);
  CHECK(site.run(6, {"rollback"})["error"]["message"] ==
        "unable to lead requests to service 'registry-api': 0 of 1 pods are ready (missing: "
        "pod/old-1 (containers with unready status: [main])) after 2 s");
  CHECK(selector() == json{{"app", "registry-api-flyway"}});
  CHECK(leads_to() == "registry-api-flyway");
  CHECK(site.live() == "old");

  set_pod_ready(cluster.client(), "old-1", true);
  CHECK(site.run(0, {"rollback"})["changed"] == true);
  CHECK(selector() == own);
  CHECK(leads_to() == "registry-api");
  const json service = cluster.client().get("v1", "Service", "registry-api");
  CHECK(kube::annotation(service, cutover::previous_selector_annotation).empty());
  CHECK(site.run(0, {"rollback"})["changed"] == false);
}

TEST_CASE_METHOD(WholeSite, "callers inside the cluster are listed by the plan", "[cluster]") {
  json mailer = kube::testing::deployment("mailer", 0);
  mailer["spec"]["template"]["spec"]["containers"][0]["env"] = {
      {{"name", "API_URL"}, {"value", "http://registry-api:8080/v1"}}};
  cluster.client().create(mailer);
  const json plan = site.run(0, {"plan"});
  bool listed = false;
  for (const json& check : plan["checks"]) {
    listed = listed || check["detail"] ==
                           "service 'registry-api' is called by deployment/mailer "
                           "(API_URL)";
  }
  CHECK(listed);
}

TEST_CASE_METHOD(Routes, "a service that somebody else keeps is not moved", "[cluster]") {
  cutover::ServiceSelector service(cluster.client(), "registry-api", "registry-api-flyway",
                                   cluster.ns());
  CHECK(error_of([&] { service.move(); }).text() ==
        "unable to move the callers of 'service/registry-api': 'service/registry-api' has no "
        "selector");
  cluster.client().patch({"v1", "Service", {}, "registry-api"},
                         {{"metadata", {{"labels", {{"argocd.argoproj.io/instance", "web"}}}}}});
  CHECK(error_of([&] { service.move(); }).text() ==
        "unable to change 'service/registry-api': it is owned by Argo CD application 'web'");
}

}  // namespace
}  // namespace crossover::test
