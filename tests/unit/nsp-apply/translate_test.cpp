#include "nsp-apply/translate.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using crossover::Error;
using crossover::ErrorKind;
using crossover::nsp_apply::translate;
using nlohmann::json;

namespace {

json rule(const json& source, const json& destination) {
  return {
      {"apiVersion", "security.devops.gov.bc.ca/v1alpha1"},
      {"kind", "NetworkSecurityPolicy"},
      {"metadata", {{"name", "api-to-db"}, {"namespace", "shop"}, {"labels", {{"app", "new"}}}}},
      {"spec",
       {{"description", "The API may use its database"},
        {"source", source},
        {"destination", destination}}}};
}

json tags(std::initializer_list<const char*> list) {
  json entry = json::array();
  for (const char* tag : list) {
    entry.push_back(tag);
  }
  return entry;
}

json either(std::initializer_list<json> entries) {
  json list = json::array();
  for (const json& entry : entries) {
    list.push_back(entry);
  }
  return list;
}

json network(const std::string& name, const json& entries) {
  return {{"apiVersion", "security.devops.gov.bc.ca/v1alpha1"},
          {"kind", "ExternalNetwork"},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", {{"entries", entries}, {"servicePorts", {"tcp/443"}}}}};
}

void expect_refused(const json& object, const std::string& message) {
  try {
    translate({object});
    FAIL("no error was thrown");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::precondition);
    CHECK(error.text() == message);
    CHECK(error.hint() ==
          "write this rule as a NetworkPolicy, and take it out of the legacy template");
  }
}

}  // namespace

TEST_CASE("a legacy rule becomes the NetworkPolicy that allows the same") {
  const auto made = translate({rule(either({tags({"role=api", "app=new", "$namespace=shop"})}),
                                    either({tags({"statefulset=db", "$namespace=shop"})}))});
  REQUIRE(made.size() == 1);
  CHECK(made[0] == json::parse(R"({
          "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
          "metadata": {"name": "api-to-db", "namespace": "shop", "labels": {"app": "new"},
                       "annotations": {"description": "The API may use its database"}},
          "spec": {"podSelector": {"matchLabels": {"statefulset": "db"}},
                   "policyTypes": ["Ingress"],
                   "ingress": [{"from": [
                     {"podSelector": {"matchLabels": {"app": "new", "role": "api"}}}]}]}})"));
}

TEST_CASE("the outer list of tags is or, so each destination gets a policy with all sources") {
  const auto made = translate({rule(either({tags({"role=api"}), tags({"$namespace=tools"})}),
                                    either({tags({"role=db"}), tags({"role=cache"})}))});
  REQUIRE(made.size() == 2);
  CHECK(made[0]["metadata"]["name"] == "api-to-db");
  CHECK(made[1]["metadata"]["name"] == "api-to-db-2");
  CHECK(made[1]["spec"]["podSelector"] == json::parse(R"({"matchLabels": {"role": "cache"}})"));
  const json from = json::parse(R"([
    {"podSelector": {"matchLabels": {"role": "api"}}},
    {"podSelector": {},
     "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tools"}}}])");
  CHECK(made[0]["spec"]["ingress"][0]["from"] == from);
  CHECK(made[1]["spec"]["ingress"][0]["from"] == from);
}

TEST_CASE("a destination in another namespace puts the policy there, and names the source's") {
  const auto made = translate(
      {rule(either({tags({"role=api"})}), either({tags({"role=db", "$namespace=data"})}))});
  REQUIRE(made.size() == 1);
  CHECK(made[0]["metadata"]["namespace"] == "data");
  CHECK(made[0]["spec"]["ingress"][0]["from"][0]["namespaceSelector"] ==
        json::parse(R"({"matchLabels": {"kubernetes.io/metadata.name": "shop"}})"));
}

TEST_CASE("any namespace and any value of a label have their counterparts") {
  const auto made =
      translate({rule(either({tags({"role=*", "$namespace=*"})}), either({tags({"role=db"})}))});
  CHECK(made.at(0)["spec"]["ingress"][0]["from"][0] == json::parse(R"({
    "podSelector": {"matchExpressions": [{"key": "role", "operator": "Exists"}]},
    "namespaceSelector": {}})"));
}

TEST_CASE("external networks become address blocks as a source and nothing as a destination") {
  const json office = network("office", {"10.1.0.0/16", "10.2.0.0/16"});
  const auto made =
      translate({office, rule(either({tags({"ext:name=office"}), tags({"ext:network=any"})}),
                              either({tags({"role=web"}), tags({"ext:network=any"})}))});
  REQUIRE(made.size() == 1);
  CHECK(made[0]["spec"]["ingress"][0]["from"] == json::parse(R"([
    {"ipBlock": {"cidr": "10.1.0.0/16"}}, {"ipBlock": {"cidr": "10.2.0.0/16"}},
    {"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}])"));
}

TEST_CASE("objects that are no legacy rules stay as they are") {
  const json other = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "x"}}}};
  CHECK(translate({other}) == std::vector<json>{other});
}

TEST_CASE("what has no counterpart is refused by name") {
  const json db = either({tags({"role=db"})});
  expect_refused(rule(either({tags({"app:k8s:serviceaccountname=backup"})}), db),
                 "unable to translate 'networksecuritypolicy/api-to-db': tag "
                 "'app:k8s:serviceaccountname=backup' selects by what is no label of a pod");
  expect_refused(rule(either({tags({"int:network"})}), db),
                 "unable to translate 'networksecuritypolicy/api-to-db': tag 'int:network' is not "
                 "KEY=VALUE");
  expect_refused(rule(either({tags({"ext:name=moon"})}), db),
                 "unable to translate 'networksecuritypolicy/api-to-db': tag 'ext:name=moon' names "
                 "an external network that is not among the objects");
  expect_refused(rule(json::array(), db),
                 "unable to translate 'networksecuritypolicy/api-to-db': it has no source");
  expect_refused(rule(either({tags({"role=api", "role=web"})}), db),
                 "unable to translate 'networksecuritypolicy/api-to-db': label 'role' cannot be "
                 "'api' and 'web' at once");
  expect_refused(rule(either({tags({"role=api"})}), either({tags({"role=db", "$namespace=*"})})),
                 "unable to translate 'networksecuritypolicy/api-to-db': its destination is in "
                 "every namespace, and a NetworkPolicy stands in one");
}
