#include "kube/managed_fields.h"

#include <catch2/catch.hpp>

namespace crossover::kube {

namespace {

using nlohmann::json;

json entry(const std::string& manager, const std::string& operation, const json& fields) {
  return {{"manager", manager},
          {"operation", operation},
          {"apiVersion", "v1"},
          {"fieldsType", "FieldsV1"},
          {"fieldsV1", fields}};
}

json service() {
  return json::parse(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"db"},"spec":{
    "ports":[{"name":"a","port":1},{"name":"b","port":2}],"selector":{"app":"db"}}})");
}

json live_service() {
  json live = service();
  live["metadata"]["resourceVersion"] = "7";
  live["spec"]["type"] = "ClusterIP";
  for (json& port : live["spec"]["ports"]) {
    port["protocol"] = "TCP";
  }
  live["metadata"]["managedFields"] = {entry("crossover", "Apply", json::parse(R"({"f:spec":{
    "f:ports":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}},
               "k:{\"port\":2,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}},
    "f:selector":{}}})"))};
  return live;
}

}  // namespace

TEST_CASE("an apply that would change nothing is known from the object", "[kube]") {
  CHECK(applied_already(service(), live_service(), "crossover"));
}

TEST_CASE("every kind of drift is left to the server to judge", "[kube]") {
  json wanted = service();
  json live = live_service();
  SECTION("a value in the live object") { live["spec"]["ports"][0]["name"] = "c"; }
  SECTION("a value in an atomic map") { live["spec"]["selector"]["x"] = "y"; }
  SECTION("an element is gone") { live["spec"]["ports"].erase(1); }
  SECTION("the elements have another order") {
    std::swap(live["spec"]["ports"][0], live["spec"]["ports"][1]);
  }
  SECTION("two elements have one key") {
    live["spec"]["ports"].push_back(live["spec"]["ports"][0]);
  }
  SECTION("a new field in the manifest") { wanted["spec"]["type"] = "ClusterIP"; }
  SECTION("a field has left the manifest") { wanted["spec"].erase("selector"); }
  SECTION("a new element in the manifest") {
    wanted["spec"]["ports"].push_back({{"name", "c"}, {"port", 3}});
  }
  SECTION("a label in the manifest") { wanted["metadata"]["labels"] = {{"a", "b"}}; }
  SECTION("a null") { wanted["spec"]["selector"] = nullptr; }
  SECTION("another version") { wanted["apiVersion"] = "v2"; }
  SECTION("another manager's entry only") {
    live["metadata"]["managedFields"][0]["manager"] = "other";
  }
  SECTION("client-side apply owns something") {
    live["metadata"]["managedFields"].push_back(
        entry("kubectl-client-side-apply", "Update", json::object()));
  }
  SECTION("it is being deleted") { live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"; }
  CHECK_FALSE(applied_already(wanted, live, "crossover"));
}

TEST_CASE("adoption follows the rules of client-go's csaupgrade", "[kube]") {
  json live = {{"metadata", {{"name", "x"}}}};
  json& entries = live["metadata"]["managedFields"];
  SECTION("nothing of client-side apply: nothing to do") {
    entries = {entry("other", "Update", {{"f:a", json::object()}})};
    CHECK_FALSE(adopted_fields(live, "crossover"));
  }
  SECTION("no entry of ours: theirs becomes it") {
    entries = {entry("kubectl-client-side-apply", "Update", {{"f:a", json::object()}}),
               entry("other", "Update", {{"f:b", json::object()}})};
    CHECK(*adopted_fields(live, "crossover") ==
          json{entry("crossover", "Apply", {{"f:a", json::object()}}),
               entry("other", "Update", {{"f:b", json::object()}})});
  }
  SECTION("an entry of ours: the union of both") {
    entries = {entry("crossover", "Apply", {{"f:a", {{"f:x", json::object()}}}}),
               entry("kubectl-client-side-apply", "Update",
                     {{"f:a", {{"f:y", json::object()}}}, {"f:b", json::object()}})};
    CHECK(*adopted_fields(live, "crossover") ==
          json::array({entry("crossover", "Apply",
                             {{"f:a", {{"f:x", json::object()}, {"f:y", json::object()}}},
                              {"f:b", json::object()}})}));
  }
  SECTION("`oc` counts only where the object bears the annotation of an apply") {
    entries = {entry("oc", "Update", {{"f:a", json::object()}})};
    CHECK_FALSE(adopted_fields(live, "crossover"));
    live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{}";
    CHECK(adopted_fields(live, "crossover"));
  }
}

}  // namespace crossover::kube
