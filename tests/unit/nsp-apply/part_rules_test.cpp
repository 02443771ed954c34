#include "nsp-apply/part_rules.h"

#include <catch2/catch.hpp>

using crossover::nsp_apply::isolates;
using crossover::nsp_apply::part_rules;
using crossover::nsp_apply::PartFacts;
using crossover::nsp_apply::Pods;
using nlohmann::json;

namespace {

json policy(const json& spec, const std::string& ns = "shop") {
  return {{"apiVersion", "networking.k8s.io/v1"},
          {"kind", "NetworkPolicy"},
          {"metadata", {{"name", "p"}, {"namespace", ns}}},
          {"spec", spec}};
}

json deny_all() {
  return policy(json::parse(R"({"podSelector": {}, "policyTypes": ["Ingress"]})"));
}

PartFacts facts() {
  PartFacts facts;
  facts.migration = "shop";
  facts.ns = "shop";
  facts.temporary_label = "app=new";
  facts.pooler_port = 6432;
  facts.apis = {Pods{{{"role", "api"}}, {{"role", "api"}, {"app", "new"}}}};
  facts.old_database = Pods{{{"statefulset", "old"}}, {{"statefulset", "old"}}};
  facts.new_database = Pods{{{"statefulset", "new"}}, {{"statefulset", "new"}}};
  facts.flyway = {{{"openshift.io/deployer-pod.type", "hook-pre"}}};
  return facts;
}

std::vector<std::string> names(const std::vector<json>& rules) {
  std::vector<std::string> found;
  for (const json& rule : rules) {
    found.push_back(rule["metadata"]["name"]);
  }
  return found;
}

}  // namespace

TEST_CASE("pods that no policy closes get no rule, which would cut off who uses them") {
  PartFacts given = facts();
  CHECK(part_rules(given).empty());
  given.policies = {policy(json::parse(
      R"({"podSelector": {"matchLabels": {"statefulset": "old"}}, "policyTypes": ["Ingress"]})"))};
  CHECK(names(part_rules(given)) == std::vector<std::string>{"crossover-shop-old-database"});
}

TEST_CASE("where all is denied, every part gets its way") {
  PartFacts given = facts();
  given.policies = {deny_all()};
  const auto rules = part_rules(given);
  REQUIRE(names(rules) == std::vector<std::string>{"crossover-shop-pooler",
                                                   "crossover-shop-old-database",
                                                   "crossover-shop-new-database"});
  CHECK(rules[0]["metadata"]["labels"] ==
        json::parse(R"({"app": "new", "crossover.dev/migration": "shop"})"));
  CHECK(rules[0]["spec"] == json::parse(R"({
    "podSelector": {"matchLabels": {"crossover.dev/migration": "shop",
                                    "crossover.dev/part": "pooler"}},
    "policyTypes": ["Ingress"],
    "ingress": [
      {"from": [{"podSelector": {"matchLabels": {"role": "api"}}}],
       "ports": [{"protocol": "TCP", "port": 6432}]},
      {"from": [{"podSelector": {"matchLabels": {"crossover.dev/migration": "shop"}}},
                {"podSelector": {"matchLabels": {"crossover.dev/part": "task"}}}]}]})"));
  CHECK(rules[1]["spec"]["ingress"][0]["from"].size() == 2);
  CHECK(rules[2]["spec"]["ingress"][0] == json::parse(R"({
    "from": [{"podSelector": {"matchLabels": {"crossover.dev/migration": "shop"}}},
             {"podSelector": {"matchLabels": {"crossover.dev/part": "task"}}},
             {"podSelector": {"matchLabels": {"openshift.io/deployer-pod.type": "hook-pre"}}}],
    "ports": [{"protocol": "TCP", "port": 5432}]})"));
}

TEST_CASE("where traffic out is denied too, parts may go out and the API may reach the pooler") {
  PartFacts given = facts();
  given.policies = {policy(json::parse(R"({"podSelector": {}, "policyTypes": ["Egress"]})"))};
  const auto rules = part_rules(given);
  REQUIRE(names(rules) ==
          std::vector<std::string>{"crossover-shop-parts-out", "crossover-shop-api-to-pooler"});
  CHECK(rules[0]["spec"]["egress"] == json::parse("[{}]"));
}

TEST_CASE("of several APIs each gets its way; where one is unknown, every pod may ask the pooler") {
  PartFacts given = facts();
  given.apis.front()->service = "api-new";
  given.apis.emplace_back(Pods{{{"role", "admin"}}, {{"role", "admin"}}, "admin-new"});
  given.policies = {deny_all(),
                    policy(json::parse(R"({"podSelector": {}, "policyTypes": ["Egress"]})"))};
  const auto rules = part_rules(given);
  REQUIRE(names(rules) ==
          std::vector<std::string>{"crossover-shop-pooler", "crossover-shop-old-database",
                                   "crossover-shop-new-database", "crossover-shop-parts-out",
                                   "crossover-shop-api-new-to-pooler",
                                   "crossover-shop-admin-new-to-pooler"});
  CHECK(rules[0]["spec"]["ingress"][0]["from"] ==
        json::parse(R"([{"podSelector": {"matchLabels": {"role": "api"}}},
                        {"podSelector": {"matchLabels": {"role": "admin"}}}])"));
  CHECK(rules[5]["spec"]["podSelector"] == json::parse(R"({"matchLabels": {"role": "admin"}})"));
  given.apis.emplace_back();
  CHECK(part_rules(given)[0]["spec"]["ingress"][0]["from"] ==
        json::parse(R"([{"podSelector": {}}])"));
}

TEST_CASE("whether a policy closes a pod follows the API's rules") {
  const json labels = {{"app", "a"}, {"tier", "db"}};
  const auto closes = [&](const char* spec, const char* direction = "Ingress") {
    return isolates({policy(json::parse(spec))}, "shop", labels, direction);
  };
  CHECK(closes(R"({"podSelector": {}})"));
  CHECK_FALSE(closes(R"({"podSelector": {}})", "Egress"));
  CHECK(closes(R"({"podSelector": {}, "egress": [{}]})", "Egress"));
  CHECK_FALSE(closes(R"({"podSelector": {}, "policyTypes": ["Egress"]})"));
  CHECK(closes(R"({"podSelector": {"matchLabels": {"app": "a"}}})"));
  CHECK_FALSE(closes(R"({"podSelector": {"matchLabels": {"app": "b"}}})"));
  CHECK(closes(R"({"podSelector": {"matchExpressions": [
    {"key": "tier", "operator": "In", "values": ["db", "x"]},
    {"key": "app", "operator": "NotIn", "values": ["b"]},
    {"key": "app", "operator": "Exists"}, {"key": "z", "operator": "DoesNotExist"}]}})"));
  CHECK_FALSE(closes(R"({"podSelector": {"matchExpressions": [
    {"key": "tier", "operator": "NotIn", "values": ["db"]}]}})"));
  CHECK_FALSE(isolates({policy(json::parse(R"({"podSelector": {}})"), "other")}, "shop", labels,
                       "Ingress"));
}
