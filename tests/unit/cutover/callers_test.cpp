#include "cutover/callers.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace crossover::cutover {
namespace {

using nlohmann::json;

json workload(const std::string& kind, const std::string& name, const std::string& variable,
              const std::string& value) {
  json object = {{"apiVersion", "apps/v1"},
                 {"kind", kind},
                 {"metadata", {{"name", name}, {"namespace", "shop"}}}};
  json& spec = kind == "CronJob" ? object["spec"]["jobTemplate"]["spec"]["template"]["spec"]
                                 : object["spec"]["template"]["spec"];
  spec["containers"] = {{{"name", "main"}, {"env", {{{"name", variable}, {"value", value}}}}}};
  return object;
}

TEST_CASE("workloads, schedules and settings that name the service as a host are its callers") {
  const json settings = {{"apiVersion", "v1"},
                         {"kind", "ConfigMap"},
                         {"metadata", {{"name", "settings"}, {"namespace", "shop"}}},
                         {"data", {{"app.ini", "[api]\nurl = http://api.shop.svc:8080/v1\n"}}}};
  CHECK(callers_of("api", "shop",
                   {workload("Deployment", "mailer", "API_URL", "http://api:8080"),
                    workload("CronJob", "nightly", "API_HOST", "api"), settings}) ==
        std::vector<Caller>{{"deployment/mailer", "API_URL"},
                            {"cronjob/nightly", "API_HOST"},
                            {"configmap/settings", "app.ini"}});
}

TEST_CASE("a longer name, another namespace's service and a path are other things") {
  json elsewhere = workload("Deployment", "other", "API_HOST", "api");
  elsewhere["metadata"]["namespace"] = "blog";
  CHECK(callers_of("api", "shop",
                   {workload("Deployment", "a", "URL", "http://api-new:8080"),
                    workload("Deployment", "b", "URL", "http://my-api.shop"),
                    workload("Deployment", "c", "URL", "api.blog.svc"), elsewhere})
            .empty());
  elsewhere["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "api.shop";
  CHECK(callers_of("api", "shop", {elsewhere}).size() == 1);
}

TEST_CASE("routes and ingresses that lead to the service are its callers") {
  const json route = json::parse(R"({"apiVersion": "route.openshift.io/v1", "kind": "Route",
    "metadata": {"name": "internal", "namespace": "shop"},
    "spec": {"to": {"kind": "Service", "name": "web", "weight": 100},
             "alternateBackends": [{"kind": "Service", "name": "api", "weight": 5}]}})");
  const json ingress = json::parse(R"({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
    "metadata": {"name": "edge", "namespace": "shop"},
    "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "api"}}}]}}]}})");
  CHECK(callers_of("api", "shop", {route, ingress}) ==
        std::vector<Caller>{{"route/internal", "backend"}, {"ingress/edge", "backend"}});
  CHECK(callers_of("db", "shop", {route, ingress}).empty());
}

}  // namespace
}  // namespace crossover::cutover
