#include <catch2/catch.hpp>

#include "fixtures/error_of.h"
#include "unit/kube/scripted_api.h"

namespace crossover::kube {

namespace {

using crossover::testing::ScriptedServer;
using Request = ScriptedServer::Request;
using nlohmann::json;

constexpr const char* kinds = R"({"groupVersion":"v1","resources":[
  {"name":"configmaps","kind":"ConfigMap","namespaced":true},
  {"name":"services","kind":"Service","namespaced":true},
  {"name":"pods","kind":"Pod","namespaced":true}]})";

/// An API server on which nothing exists yet.
std::string answer_to(const Request& request, const std::function<std::string()>& to_patch) {
  if (request.target == "/api/v1") {
    return ScriptedServer::answer(200, kinds);
  }
  return testing::discovery_or(request, [&](const Request& other) {
    return other.method == "PATCH" ? to_patch() : ScriptedServer::answer(404, "{}");
  });
}

json object(const std::string& kind, const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", {{"name", name}}}};
}

std::string patched(const ScriptedServer& server) {
  std::string names;
  for (const Request& request : server.requests()) {
    if (request.method == "PATCH") {
      const std::string path = request.target.substr(0, request.target.find('?'));
      names += path.substr(path.rfind('/') + 1) + " ";
    }
  }
  return names;
}

}  // namespace

TEST_CASE("an apply sends kinds mixed, and workloads after what they need", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return answer_to(request, [] { return ScriptedServer::answer(201, "{}"); });
  });
  // One at a time: over several connections nothing says which request arrives first.
  const SystemClock clock;
  RestClient client = testing::client_for(server.url(), clock, 1);
  const std::vector<json> objects = {object("Pod", "p"),       object("ConfigMap", "a"),
                                     object("ConfigMap", "b"), object("ConfigMap", "c"),
                                     object("ConfigMap", "d"), object("Service", "x"),
                                     object("Service", "y")};
  const std::vector<Applied> applied = client.apply_all(objects, {});
  CHECK(patched(server) == "a x b c y d p ");
  CHECK(applied.size() == 7);
}

TEST_CASE("of several refused objects an apply names the first, whatever was sent first",
          "[kube]") {
  ScriptedServer server([](const Request& request) {
    return answer_to(request,
                     [] { return ScriptedServer::answer(403, R"({"message":"you may not"})"); });
  });
  // One at a time: over several connections nothing says which request arrives first.
  const SystemClock clock;
  RestClient client = testing::client_for(server.url(), clock, 1);
  const std::vector<json> objects = {object("Service", "x"), object("ConfigMap", "a"),
                                     object("ConfigMap", "b")};
  CHECK(test::error_of([&] { client.apply_all(objects, {}); }).message() ==
        "unable to apply 'service/x': you may not");
  CHECK(patched(server) == "a x b ");
}

}  // namespace crossover::kube
