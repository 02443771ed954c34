// Several Routes in one crossover.yaml: what nsp-apply and db-provision make of them, on a real API
// server.
#include <catch2/catch.hpp>

#include "integration/kube/cluster.h"
#include "integration/tasks/program.h"

namespace {

using crossover::kube::testing::TestCluster;
using crossover::testing::Workplace;
using nlohmann::json;

/// Of a new API: its Service and a Deployment of no pods.
std::string api(const std::string& name) {
  json workload = crossover::kube::testing::deployment(name, 0);
  const json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", name}}},
                        {"spec", {{"selector", {{"app", name}}}, {"ports", {{{"port", 8080}}}}}}};
  return "---\n" + workload.dump() + "\n---\n" + service.dump() + "\n";
}

/// Two new APIs that the sources make, on a namespace where every connection is denied.
struct TwoApis {
  TwoApis() {
    place.write("apis.yaml", api("web-new") + api("admin-new"));
    place.write("deny.yaml",
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\n"
                "spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n");
    place.write("crossover.yaml",
                fmt::format("name: shop\nnamespace: {}\napproval: none\ntemporaryLabel: set=new\n"
                            "network: {{rules: [{{manifests: deny.yaml}}]}}\n"
                            "pooler: {{name: pooler, image: none, port: 6432}}\n"
                            "databases: {{new: {{selector: role=db, database: shop}}}}\n"
                            "provision:\n  api: [{{manifests: apis.yaml}}]\n"
                            "  flyway: {{runner: initContainer, workload: deployment/admin-new}}\n"
                            "routes:\n"
                            "- {{name: web, oldService: web-old, newService: web-new}}\n"
                            "- {{name: public, oldService: web-old, newService: web-new}}\n"
                            "- {{name: admin, oldService: admin-old, newService: admin-new}}\n",
                            cluster.ns()));
  }
  json policy(const std::string& name) {
    return cluster.client().get("networking.k8s.io/v1", "NetworkPolicy", name)["spec"];
  }
  /// A Route that leads to `service`, with a label.
  void make_route(const std::string& name, const std::string& service, const json& labels) {
    cluster.client().create({{"apiVersion", "route.openshift.io/v1"},
                             {"kind", "Route"},
                             {"metadata", {{"name", name}, {"labels", labels}}},
                             {"spec", {{"to", {{"kind", "Service"}, {"name", service}}}}}});
  }
  TestCluster cluster;
  Workplace place;
};

json pods(const std::string& app) { return {{"podSelector", {{"matchLabels", {{"app", app}}}}}}; }

}  // namespace

TEST_CASE_METHOD(TwoApis, "each API that a route leads to gets its way to the pooler") {
  place.run(0, CROSSOVER_NSP_APPLY, {"apply"});
  CHECK(policy("crossover-shop-pooler")["ingress"][0]["from"] ==
        json::array({pods("web-new"), pods("admin-new")}));
  CHECK(policy("crossover-shop-web-new-to-pooler")["podSelector"] ==
        pods("web-new")["podSelector"]);
  CHECK(policy("crossover-shop-admin-new-to-pooler")["podSelector"] ==
        pods("admin-new")["podSelector"]);
  // Only the workload with Flyway's container goes to the database past the pooler.
  const json peers = policy("crossover-shop-new-database")["ingress"][0]["from"];
  REQUIRE(peers.size() == 3);
  CHECK(peers[2] == pods("admin-new"));
}

TEST_CASE_METHOD(TwoApis, "nothing is removed while one of the routes leads to its new API") {
  place.run(0, CROSSOVER_NSP_APPLY, {"apply"});
  make_route("web", "web-old", json::object());
  make_route("admin", "admin-new", {{"set", "new"}});
  CHECK(place.refusal(3, CROSSOVER_NSP_APPLY, {"remove"})
            .starts_with("unable to remove 'network rules': 'route/admin' leads to "
                         "'service/admin-new'\n"));
  // The second one bears the label itself: it counts, since it is a configured one.
  json service = json::parse(R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name":
    "admin-new", "labels": {"set": "new"}}, "spec": {"ports": [{"port": 8080}]}})");
  cluster.client().create(service);
  CHECK(place.refusal(3, CROSSOVER_DB_PROVISION, {"remove"})
            .starts_with("unable to remove 'set=new': 'route/admin' leads to "
                         "'service/admin-new'\n"));
}
