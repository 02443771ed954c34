#include "cutover/service_selector.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace crossover::cutover {
namespace {

using nlohmann::json;

json service(const std::string& name, json selector, json ports) {
  json object =
      json::parse(R"({"apiVersion": "v1", "kind": "Service", "spec": {"type": "ClusterIP"},
    "metadata": {"namespace": "shop", "resourceVersion": "7", "annotations": {"team": "blue"}}})");
  object["metadata"]["name"] = name;
  object["spec"]["selector"] = std::move(selector);
  object["spec"]["ports"] = std::move(ports);
  return object;
}

const json old_selector = {{"app", "api"}};
const json new_selector = {{"app", "api-new"}, {"role", "api"}};
const json http = {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}}};

std::string refusal(const json& from, const json& to) {
  try {
    move_patch(from, to);
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

TEST_CASE("a service takes the other's pods and nothing else, and gets its own back") {
  const json before = service("api", old_selector, http);
  const json target = service("api-new", new_selector, {{{"port", 8080}}});
  const json moved = before.patch(move_patch(before, target));
  CHECK(moved["spec"]["selector"] == new_selector);
  CHECK(moved["metadata"]["annotations"][previous_selector_annotation] == R"({"app":"api"})");
  CHECK(move_patch(moved, target).empty());
  CHECK(moved.patch(put_back_patch(moved)) == before);
  CHECK(put_back_patch(before).empty());
}

TEST_CASE("a service without annotations can be moved") {
  json before = service("api", old_selector, http);
  before["metadata"].erase("annotations");
  const json moved = before.patch(move_patch(before, service("api-new", new_selector, http)));
  CHECK(moved["metadata"]["annotations"].size() == 1);
}

TEST_CASE("a service is not moved to where its requests would not arrive") {
  const json to = service("api-new", new_selector, http);
  CHECK(refusal(service("api", old_selector, {{{"port", 80}, {"targetPort", "web"}}}), to) ==
        "unable to move the callers of 'service/api': its target port \"web\" is none of "
        "'service/api-new'");
  CHECK(refusal(service("api", nullptr, http), to) ==
        "unable to move the callers of 'service/api': 'service/api' has no selector");
}

}  // namespace
}  // namespace crossover::cutover
