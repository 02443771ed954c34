#include <catch2/catch.hpp>

#include "integration/kube/cluster.h"
#include "integration/tasks/program.h"
#include "kube/evidence.h"

using crossover::kube::testing::TestCluster;
using crossover::testing::Workplace;
using nlohmann::json;

namespace {

std::string rule(const std::string& name) {
  return fmt::format(
      "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {}}}\n"
      "spec: {{podSelector: {{matchLabels: {{a: b}}}}, policyTypes: [Ingress]}}\n",
      name);
}

struct Fixture {
  Fixture() {
    place.write("crossover.yaml", fmt::format("name: shop\nnamespace: {}\napproval: none\n"
                                              "network: {{rules: [{{manifests: rules.yaml}}]}}\n",
                                              cluster.ns()));
  }
  json run(int exit_code, std::vector<std::string> arguments) const {
    return place.run(exit_code, CROSSOVER_NSP_APPLY, std::move(arguments));
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const json& item : cluster.client().list("networking.k8s.io/v1", "NetworkPolicy").items) {
      found.push_back(item["metadata"]["name"]);
    }
    return found;
  }
  TestCluster cluster;
  Workplace place;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "rules are applied once, pruned when they leave, and removed") {
  place.write("rules.yaml", rule("one") + rule("two"));
  const json planned = run(0, {"apply", "--dry-run"});
  CHECK(planned["status"] == "planned");
  CHECK(names().empty());

  const json first = run(0, {"apply", "--approved-plan", planned["plan_sha256"]});
  CHECK(first["changed"] == true);
  CHECK(names() == std::vector<std::string>{"one", "two"});
  const json live = cluster.client().get("networking.k8s.io/v1", "NetworkPolicy", "one");

  const json second = run(0, {"apply", "--approved-plan", planned["plan_sha256"]});
  CHECK(second["changed"] == false);
  CHECK(cluster.client().get("networking.k8s.io/v1", "NetworkPolicy", "one") == live);

  place.write("rules.yaml", rule("one"));
  const json refused = run(3, {"apply", "--approved-plan", planned["plan_sha256"]});
  CHECK(refused["error"]["message"].get<std::string>().starts_with(
      "unable to run 'nsp-apply apply': the plan has changed since it was approved"));
  CHECK(names().size() == 2);
  run(0, {"apply"});
  CHECK(names() == std::vector<std::string>{"one"});

  CHECK(run(0, {"remove"})["changed"] == true);
  CHECK(names().empty());
  CHECK(run(0, {"remove"})["changed"] == false);

  std::vector<std::string> outcomes;
  for (const json& entry :
       crossover::kube::EvidenceLog(cluster.client(), cluster.ns(), "shop").read()) {
    outcomes.push_back(entry["step"].get<std::string>() + " " +
                       entry["outcome"].get<std::string>());
  }
  CHECK(outcomes == std::vector<std::string>{"nsp-apply apply done", "nsp-apply apply refused",
                                             "nsp-apply apply done", "nsp-apply remove done"});
}

TEST_CASE_METHOD(Fixture, "a rule that a GitOps controller owns is refused") {
  place.write("rules.yaml", rule("one"));
  run(0, {"apply"});
  cluster.client().patch({"networking.k8s.io/v1", "NetworkPolicy", {}, "one"},
                         {{"metadata", {{"labels", {{"argocd.argoproj.io/instance", "web"}}}}}});
  const json refused = run(3, {"apply"});
  CHECK(refused["error"]["message"] ==
        "unable to change 'networkpolicy/one': it is owned by Argo CD application 'web'");
}
