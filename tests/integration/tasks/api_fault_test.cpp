// The way to the API server fails while rules of the network are applied or removed.
#include <catch2/catch.hpp>
#include <thread>

#include "integration/kube/cluster.h"
#include "integration/kube/far_api.h"
#include "integration/tasks/program.h"
#include "kube/evidence.h"

namespace crossover::testing {
namespace {

using kube::testing::FarApi;
using kube::testing::TestCluster;
using nlohmann::json;
using std::chrono::milliseconds;
using test::TcpProxy;

using Names = std::vector<std::string>;

constexpr const char* policies = "networking.k8s.io/v1";

struct FarRules : TestCluster, FarApi {
  FarRules() {
    place.write("crossover.yaml", fmt::format("name: shop\nnamespace: {}\napproval: none\n"
                                              "network: {{rules: [{{manifests: rules.yaml}}]}}\n",
                                              ns()));
  }
  void want(const Names& wanted) const {
    std::string text;
    for (const std::string& name : wanted) {
      text += fmt::format(
          "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {}}}\n"
          "spec: {{podSelector: {{matchLabels: {{a: b}}}}, policyTypes: [Ingress]}}\n",
          name);
    }
    place.write("rules.yaml", text);
  }
  json run(int exit_code, const std::string& verb, const std::string& kubeconfig) const {
    return place.run(exit_code, CROSSOVER_NSP_APPLY, {verb, "--kubeconfig", kubeconfig});
  }
  /// "one created", in the order in which it was done.
  static Names changes(const json& result) {
    Names found;
    for (const json& change : result.at("changes")) {
      const std::string object = change.at("object");
      found.push_back(object.substr(object.find('/') + 1) + " " +
                      change.at("action").get<std::string>());
    }
    std::ranges::sort(found);
    return found;
  }
  Names names() {
    Names found;
    for (const json& item : client().list(policies, "NetworkPolicy").items) {
      found.push_back(item["metadata"]["name"]);
    }
    return found;
  }
  std::size_t entries() { return kube::EvidenceLog(client(), ns(), "shop").read().size(); }
  std::string path(const std::string& plural) const {
    const std::string group = plural == "configmaps" ? "/api/v1"
                              : plural == "leases"   ? "/apis/coordination.k8s.io/v1"
                                                     : "/apis/networking.k8s.io/v1";
    return group + "/namespaces/" + ns() + "/" + plural;
  }

  Workplace place;
};

TEST_CASE_METHOD(FarRules, "rules come and go though a request or its answer is lost",
                 "[cluster]") {
  want({"one", "two"});
  run(0, "apply", plain_kubeconfig());  // makes Lease and evidence
  run(0, "remove", plain_kubeconfig());
  for (const std::string& request :
       {"GET " + path("networkpolicies"), "PATCH " + path("networkpolicies"),
        "PUT " + path("leases"), "PUT " + path("configmaps"),
        "DELETE " + path("networkpolicies")}) {
    for (const auto delivery : {TcpProxy::Delivery::withheld, TcpProxy::Delivery::answered}) {
      INFO(request << (delivery == TcpProxy::Delivery::answered ? ", answered" : ", withheld"));
      const std::size_t before = entries();
      plain.cut_at(request, delivery);
      CHECK(changes(run(0, "apply", plain_kubeconfig())) == Names{"one created", "two created"});
      CHECK(names() == Names{"one", "two"});
      CHECK(changes(run(0, "remove", plain_kubeconfig())) == Names{"one deleted", "two deleted"});
      CHECK(names().empty());
      CHECK(plain.wait_for_cut(milliseconds(0)));
      CHECK(entries() == before + 2);
    }
  }
}

TEST_CASE_METHOD(FarRules, "the API server is lost in the middle of an apply: a second run ends it",
                 "[cluster]") {
  want({"one", "two"});
  plain.cut_at("PATCH " + path("networkpolicies/two"), TcpProxy::Delivery::withheld);
  // What is connected stays so until then; afterwards nobody is there any more.
  std::thread breaker([this] {
    while (plain.connections() == 0) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    plain.set_target_port(1);
  });
  const json failed = run(1, "apply", plain_kubeconfig());
  breaker.join();
  CHECK(plain.wait_for_cut(milliseconds(0)));
  CHECK(failed["error"]["message"].get<std::string>().starts_with(
      fmt::format("unable to reach 'http://127.0.0.1:{}': ", plain.port())));
  CHECK(std::ranges::count(names(), "two") == 0);
  run(0, "apply", secure_kubeconfig());
  CHECK(names() == Names{"one", "two"});
  CHECK(run(0, "apply", secure_kubeconfig())["changed"] == false);
}

TEST_CASE_METHOD(FarRules, "without an API server no rule is applied", "[cluster]") {
  want({"one"});
  secure.refuse();
  const json failed = run(1, "apply", secure_kubeconfig());
  CHECK(failed["error"]["message"].get<std::string>().starts_with(
      fmt::format("unable to reach 'https://127.0.0.1:{}': ", secure.port())));
  CHECK(failed["changed"] == false);
  CHECK(names().empty());
}

TEST_CASE_METHOD(FarRules, "rules are applied over a slow way to the API server", "[cluster]") {
  want({"one", "two"});
  secure.set_delay(milliseconds(150));
  CHECK(changes(run(0, "apply", secure_kubeconfig())) == Names{"one created", "two created"});
  CHECK(changes(run(0, "remove", secure_kubeconfig())) == Names{"one deleted", "two deleted"});
}

}  // namespace
}  // namespace crossover::testing
