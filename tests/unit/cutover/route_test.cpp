#include "cutover/route.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace crossover::cutover {
namespace {

using nlohmann::json;

json route(const std::string& to, const std::string& alternate = "null") {
  json object = json::parse(R"({"apiVersion": "route.openshift.io/v1", "kind": "Route",
    "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7",
                 "annotations": {"team": "blue"}},
    "spec": {"host": "shop.example", "port": {"targetPort": "http"}}})");
  object["spec"]["to"] = json::parse(to);
  if (const json others = json::parse(alternate); !others.is_null()) {
    object["spec"]["alternateBackends"] = others;
  }
  return object;
}

json http_route(const std::string& rules) {
  json object = json::parse(R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
    "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7"}})");
  object["spec"]["rules"] = json::parse(rules);
  return object;
}

// The object as the server would have it after the patch.
json led(const json& object, const std::string& from, const std::string& to) {
  return object.patch(route_patch(object, from, to));
}

TEST_CASE("a route's only backend changes its name and nothing else") {
  const json before = route(R"({"kind": "Service", "name": "old", "weight": 100})");
  json expected = before;
  expected["spec"]["to"]["name"] = "new";
  expected["metadata"]["annotations"][previous_backends_annotation] =
      R"([{"service":"old","weight":100}])";
  CHECK(led(before, "old", "new") == expected);
  CHECK(route_patch(expected, "old", "new") == json::array());
}

TEST_CASE("the service that is left goes, the other takes its share, a third one keeps its own") {
  const json before = route(R"({"kind": "Service", "name": "old", "weight": 70})",
                            R"([{"kind": "Service", "name": "canary", "weight": 20},
                {"kind": "Service", "name": "new", "weight": 10}])");
  const json after = led(before, "old", "new");
  CHECK(route_backends(after) == std::vector<Backend>{{"canary", 20}, {"new", 80}});
  CHECK(after["metadata"]["annotations"]["team"] == "blue");
  CHECK(after["spec"]["port"] == before["spec"]["port"]);
  const json back = led(after, "new", "old");
  CHECK(route_backends(back) == std::vector<Backend>{{"canary", 20}, {"old", 80}});
}

TEST_CASE("no share is greater than a route can say") {
  const json after = led(route(R"({"kind": "Service", "name": "old", "weight": 256})",
                               R"([{"kind": "Service", "name": "new", "weight": 256}])"),
                         "old", "new");
  CHECK(route_backends(after) == std::vector<Backend>{{"new", 256}});
  CHECK_FALSE(after["spec"].contains("alternateBackends"));
}

TEST_CASE("a patch fails on an object that has changed since it was read") {
  json object = route(R"({"kind": "Service", "name": "old"})");
  const json patch = route_patch(object, "old", "new");
  object["metadata"]["resourceVersion"] = "8";
  CHECK_THROWS_AS(object.patch(patch), json::other_error);
}

TEST_CASE("a route that leads to neither service is refused with what it leads to") {
  const json object = route(R"({"kind": "Service", "name": "other", "weight": 100})");
  try {
    route_patch(object, "old", "new");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::precondition);
    CHECK(error.text() == "unable to patch 'route/web': no backend is service 'old'");
    CHECK(error.hint().starts_with(R"(it leads to [{"service":"other","weight":100}])"));
  }
}

TEST_CASE("of an HTTPRoute only its own references to the service change") {
  const json before = http_route(R"([
    {"matches": [{"path": {"value": "/"}}],
     "filters": [{"type": "RequestMirror",
                  "requestMirror": {"backendRef": {"name": "old", "port": 8080}}}],
     "backendRefs": [{"name": "old", "port": 8080, "filters": [{"type": "X"}]},
                     {"name": "old", "namespace": "elsewhere", "port": 8080},
                     {"name": "old", "kind": "Bucket", "group": "storage.example"},
                     {"name": "third", "port": 1, "weight": 0}]},
    {"backendRefs": [{"name": "third", "port": 1}]},
    {"filters": [{"type": "RequestRedirect"}]},
    {"backendRefs": [{"name": "old", "namespace": "shop", "weight": 3},
                     {"name": "new", "port": 8080}]}])");
  json expected = before;
  expected["spec"]["rules"][0]["backendRefs"][0]["name"] = "new";
  expected["spec"]["rules"][3]["backendRefs"] =
      json::parse(R"([{"name": "new", "port": 8080, "weight": 4}])");
  json after = led(before, "old", "new");
  after["metadata"].erase("annotations");
  CHECK(after == expected);
}

}  // namespace
}  // namespace crossover::cutover
