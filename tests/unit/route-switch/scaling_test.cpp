#include "route-switch/scaling.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace crossover::route_switch {
namespace {

using nlohmann::json;

json deployment(int updated) {
  json object = json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "pooler", "generation": 2},
    "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "pooler", "part": "a"}}}},
    "status": {"observedGeneration": 2, "replicas": 2, "readyReplicas": 2,
               "availableReplicas": 2}})");
  object["status"]["updatedReplicas"] = updated;
  return object;
}

json autoscaler(const std::string& target, int most) {
  return {{"apiVersion", "autoscaling/v2"},
          {"kind", "HorizontalPodAutoscaler"},
          {"metadata", {{"name", "by-load"}}},
          {"spec",
           {{"scaleTargetRef", {{"kind", "Deployment"}, {"name", target}}},
            {"minReplicas", 2},
            {"maxReplicas", most}}}};
}

json budget(json labels) {
  return {{"spec", {{"selector", {{"matchLabels", std::move(labels)}}}}}};
}

TEST_CASE("poolers that neither roll nor scale are left alone") {
  CHECK(scaling_objection(deployment(2), {}).empty());
  CHECK(
      scaling_objection(deployment(2), {autoscaler("other", 5), autoscaler("pooler", 2)}).empty());
}

TEST_CASE("a rollout of the poolers is named") {
  CHECK(scaling_objection(deployment(1), {})
            .starts_with("'deployment/pooler' is being rolled out: "));
}

TEST_CASE("an autoscaler that could act is named") {
  CHECK(scaling_objection(deployment(2), {autoscaler("pooler", 5)}) ==
        "'horizontalpodautoscaler/by-load' may scale 'deployment/pooler' from 2 to 5 pods in the "
        "middle of it");
}

TEST_CASE("a disruption budget counts where it means the pods") {
  CHECK(evictions_held(deployment(2), {budget({{"app", "web"}}), budget({{"app", "pooler"}})}));
  CHECK_FALSE(evictions_held(deployment(2), {budget({{"app", "pooler"}, {"part", "b"}})}));
  CHECK_FALSE(evictions_held(deployment(2), {}));
}

}  // namespace
}  // namespace crossover::route_switch
