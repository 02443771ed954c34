#include "cutover/backend_ready.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace crossover::cutover {
namespace {

using nlohmann::json;

const json web_service = json::parse(R"({"apiVersion": "v1", "kind": "Service",
  "metadata": {"name": "api"}, "spec": {"selector": {"app": "shop", "role": "api"}}})");

json slice(const std::string& endpoints) {
  return {{"kind", "EndpointSlice"}, {"endpoints", json::parse(endpoints)}};
}

json pod(const std::string& name, bool ready) {
  return {{"kind", "Pod"},
          {"metadata", {{"name", name}}},
          {"status",
           {{"phase", "Running"},
            {"conditions",
             {{{"type", "Ready"},
               {"status", ready ? "True" : "False"},
               {"message", "containers with unready status: [api]"}}}}}}};
}

json workload(const std::string& kind, int replicas, const std::string& role) {
  return {{"kind", kind},
          {"metadata", {{"name", "api"}}},
          {"spec",
           {{"replicas", replicas},
            {"template", {{"metadata", {{"labels", {{"app", "shop"}, {"role", role}}}}}}}}}};
}

TEST_CASE("ready addresses are counted once, whatever slices they stand in") {
  const json first = slice(R"([
    {"addresses": ["10.0.0.1"], "conditions": {"ready": true},
     "targetRef": {"kind": "Pod", "name": "api-1", "uid": "1"}},
    {"addresses": ["10.0.0.2"], "conditions": {"ready": false},
     "targetRef": {"kind": "Pod", "name": "api-2", "uid": "2"}},
    {"addresses": ["10.0.0.3"], "conditions": {},
     "targetRef": {"kind": "Pod", "name": "api-3", "uid": "3"}}])");
  const json second = slice(R"([
    {"addresses": ["fd00::1"], "conditions": {"ready": true},
     "targetRef": {"kind": "Pod", "name": "api-1", "uid": "1"}}])");
  const Capacity found =
      capacity_of(web_service, {first, second, {{"kind", "EndpointSlice"}, {"endpoints", nullptr}}},
                  {pod("api-1", true), pod("api-2", false), pod("api-3", true)},
                  {workload("Deployment", 2, "api"), workload("DeploymentConfig", 1, "api"),
                   workload("Deployment", 7, "web")});
  CHECK(found.ready == 2);
  CHECK(found.wanted == 3);
  CHECK(found.missing ==
        std::vector<std::string>{"pod/api-2 (containers with unready status: [api])"});
  CHECK_FALSE(found.external);
}

TEST_CASE("a service without pods says so, and what its workload is scaled to") {
  const Capacity none = capacity_of(web_service, {}, {}, {workload("Deployment", 0, "api")});
  CHECK(none.ready == 0);
  CHECK(none.wanted == 0);
  CHECK(none.missing == std::vector<std::string>{"deployment/api (scaled to 0)"});
  const Capacity unknown = capacity_of(web_service, {}, {}, {});
  CHECK_FALSE(unknown.wanted);
  CHECK(unknown.missing.empty());
}

TEST_CASE("a pod that is going away is neither ready nor missing") {
  json leaving = pod("api-1", false);
  leaving["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z";
  CHECK(capacity_of(web_service, {}, {leaving}, {}).missing.empty());
}

TEST_CASE("a name outside of the cluster can't be looked at") {
  CHECK(capacity_of({{"spec", {{"type", "ExternalName"}, {"externalName", "api.example"}}}}, {}, {},
                    {})
            .external);
}

Capacity with(std::size_t ready, std::optional<std::size_t> wanted) {
  Capacity capacity;
  capacity.ready = ready;
  capacity.wanted = wanted;
  return capacity;
}

TEST_CASE("as many are needed as are wanted, or as take the requests now") {
  CHECK(needed(with(0, 3), with(5, 5)) == 3);
  CHECK(needed(with(0, 3), with(2, 5)) == 2);
  CHECK(needed(with(0, 3), with(0, 5)) == 1);
  CHECK(needed(with(0, 0), with(4, 4)) == 1);
  CHECK(needed(with(1, {}), with(4, 4)) == 1);
}

}  // namespace
}  // namespace crossover::cutover
