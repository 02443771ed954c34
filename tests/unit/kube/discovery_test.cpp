#include "kube/discovery.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/kube/scripted_api.h"

namespace crossover::kube {

namespace {

using crossover::testing::ScriptedServer;
using Request = ScriptedServer::Request;

constexpr const char* aggregated = R"({
  "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
  "items": [
    {"metadata": {"name": "apps", "creationTimestamp": null}, "versions": [
      {"version": "v1", "freshness": "Current", "resources": [
        {"resource": "deployments", "responseKind": {"group": "", "version": "", "kind": "Deployment"},
         "scope": "Namespaced", "singularResource": "deployment", "verbs": ["get", "list"],
         "shortNames": ["deploy"], "categories": ["all"],
         "subresources": [{"subresource": "scale", "verbs": ["get"],
                           "responseKind": {"kind": "Scale", "group": "autoscaling"}}]},
        {"resource": "headless", "scope": "Cluster", "verbs": ["get"]}]},
      {"version": "v1beta1", "resources": [
        {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced",
         "verbs": ["get"]}]}]},
    {"metadata": {"name": "rbac"}, "versions": [
      {"version": "v1", "resources": [
        {"resource": "clusterroles", "responseKind": {"kind": "ClusterRole"}, "scope": "Cluster",
         "verbs": ["get"]}]}]}]})";

class HandMovedClock final : public Clock {
 public:
  Monotonic now() const override { return now_; }
  Wall wall() const override { return {}; }
  void sleep(Duration duration) const override { now_ += duration; }

 private:
  mutable Monotonic now_;
};

}  // namespace

TEST_CASE("aggregated discovery tells kinds, without keeping the document", "[kube]") {
  KindTable table;
  const nlohmann::json rest = read_aggregated(table, aggregated);
  CHECK(rest ==
        nlohmann::json::parse(R"({"kind": "APIGroupDiscoveryList", "metadata": {}, "items": []})"));
  const Resource* deployment = table.find("apps/v1", "Deployment");
  REQUIRE(deployment != nullptr);
  CHECK(deployment->plural == "deployments");
  CHECK(deployment->namespaced);
  CHECK(deployment->verbs == std::vector<std::string>{"get", "list"});
  CHECK(deployment->short_names == std::vector<std::string>{"deploy"});
  CHECK(deployment->categories == std::vector<std::string>{"all"});
  REQUIRE(table.find("rbac/v1", "ClusterRole") != nullptr);
  CHECK_FALSE(table.find("rbac/v1", "ClusterRole")->namespaced);
  CHECK(table.find("autoscaling/v1", "Scale") == nullptr);
  CHECK(table.versions_of("Deployment") == std::vector<std::string>{"apps/v1", "apps/v1beta1"});
  std::string preferred;
  for (const Resource& resource : table.preferred()) {
    preferred += resource.api_version + " " + resource.kind + ", ";
  }
  CHECK(preferred == "apps/v1 Deployment, rbac/v1 ClusterRole, ");
}

TEST_CASE("a list of groups comes back with what discovery reads of it", "[kube]") {
  KindTable table;
  const nlohmann::json groups = read_aggregated(table, R"({"kind": "APIGroupList", "groups": [
    {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
     "preferredVersion": {"groupVersion": "apps/v1"}}]})");
  CHECK(text_at(groups, "/groups/0/preferredVersion/groupVersion") == "apps/v1");
  CHECK(table.preferred().empty());
  CHECK(read_aggregated(table, "<html>").is_null());
}

TEST_CASE("a missing kind is looked for again, but not for each of hundreds of objects", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return testing::discovery_or(request,
                                 [](const Request&) { return ScriptedServer::answer(404, "{}"); });
  });
  const HandMovedClock clock;
  RestClient client = testing::client_for(server.url(), clock);
  const auto reads = [&server] {
    const std::vector<Request> seen = server.requests();
    return std::count_if(seen.begin(), seen.end(),
                         [](const Request& request) { return request.target == "/apis"; });
  };
  for (int turn = 0; turn < 300; ++turn) {
    CHECK_FALSE(client.serves("example.org/v1", "Widget"));
  }
  CHECK(reads() == 1);
  clock.sleep(std::chrono::seconds(2));
  CHECK_FALSE(client.serves("example.org/v1", "Widget"));
  CHECK(reads() == 2);
  CHECK(client.serves("v1", "ConfigMap"));
  CHECK(reads() == 2);
}

}  // namespace crossover::kube
