#include <algorithm>
#include <catch2/catch.hpp>

#include "fixtures/error_of.h"
#include "unit/kube/scripted_api.h"

namespace crossover::kube {

namespace {

using crossover::testing::ScriptedServer;
using Request = ScriptedServer::Request;
using nlohmann::json;
using testing::client_for;
using testing::discovery_or;

std::vector<Ref> refs_of(int count) {
  std::vector<Ref> refs;
  for (int index = 0; index < count; ++index) {
    refs.push_back({"v1", "ConfigMap", {}, "c" + std::to_string(index)});
  }
  return refs;
}

json object_named(const std::string& name) { return {{"metadata", {{"name", name}}}}; }

/// Of the requests for ConfigMaps: the targets, in the order of their texts.
std::vector<std::string> reads(const ScriptedServer& server) {
  std::vector<std::string> targets;
  for (const Request& request : server.requests()) {
    if (request.target.find("/configmaps") != std::string::npos) {
      targets.push_back(request.target);
    }
  }
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::string names_of(const std::vector<std::optional<json>>& objects) {
  std::string names;
  for (const std::optional<json>& object : objects) {
    names += (object ? text_at(*object, "/metadata/name") : "-") + " ";
  }
  return names;
}

constexpr const char* collection = "/api/v1/namespaces/n/configmaps";

std::string answer_to_get(const Request& request) {
  const std::string name = request.target.substr(request.target.rfind('/') + 1);
  return name == "c3" ? ScriptedServer::answer(404, "{}")
                      : ScriptedServer::answer(200, object_named(name).dump());
}

}  // namespace

TEST_CASE("many objects of one kind are read by one list", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return discovery_or(request, [](const Request&) {
      json list = {{"items", json::array()}};
      for (const char* name : {"c7", "other", "c0", "c1", "c2", "c4", "c5", "c6"}) {
        list["items"].push_back(object_named(name));
      }
      return ScriptedServer::answer(200, list.dump());
    });
  });
  RestClient client = client_for(server.url());
  const std::vector<std::optional<json>> objects = client.find_all(refs_of(8));
  CHECK(names_of(objects) == "c0 c1 c2 - c4 c5 c6 c7 ");
  CHECK((*objects[0])["kind"] == "ConfigMap");
  CHECK((*objects[0])["apiVersion"] == "v1");
  CHECK(reads(server) == std::vector<std::string>{std::string(collection) + "?limit=500"});
}

TEST_CASE("what the first page of a list does not tell is read singly", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return discovery_or(request, [](const Request& other) {
      if (other.target.find("limit=") == std::string::npos) {
        return answer_to_get(other);
      }
      json list = {{"metadata", {{"continue", "x"}}}, {"items", json::array()}};
      for (const char* name : {"c0", "c1", "c2", "c4", "c5"}) {
        list["items"].push_back(object_named(name));
      }
      return ScriptedServer::answer(200, list.dump());
    });
  });
  RestClient client = client_for(server.url());
  CHECK(names_of(client.find_all(refs_of(8))) == "c0 c1 c2 - c4 c5 c6 c7 ");
  const std::string base = collection;
  CHECK(reads(server) ==
        std::vector<std::string>{base + "/c3", base + "/c6", base + "/c7", base + "?limit=500"});
}

TEST_CASE("who may read objects but not list them still gets each", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return discovery_or(request, [](const Request& other) {
      return other.target.find("limit=") == std::string::npos ? answer_to_get(other)
                                                              : ScriptedServer::answer(403, "{}");
    });
  });
  RestClient client = client_for(server.url());
  CHECK(names_of(client.find_all(refs_of(8))) == "c0 c1 c2 - c4 c5 c6 c7 ");
  CHECK(reads(server).size() == 9);
}

TEST_CASE("of several lists one that is refused does not hide the others", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return discovery_or(request, [](const Request& other) {
      if (other.target.find("/namespaces/closed/") != std::string::npos) {
        return ScriptedServer::answer(403, R"({"message":"no"})");
      }
      const bool second = other.target.find("continue=") != std::string::npos;
      json list = {{"items", {object_named(second ? "b" : "a")}}};
      list["metadata"]["continue"] = second ? "" : "x";
      return ScriptedServer::answer(200, list.dump());
    });
  });
  RestClient client = client_for(server.url());
  std::vector<ListRequest> requests(3, {"v1", "ConfigMap", {}});
  requests[0].options.ns = "closed";
  requests[1].kind = "Missing";
  const std::vector<ListOutcome> outcomes = client.list_all(requests);
  CHECK(outcomes[0].error->http_status() == 403);
  CHECK(outcomes[1].error->message() ==
        "unable to find kind 'Missing' of 'v1': the server does not serve it");
  CHECK_FALSE(outcomes[2].error);
  REQUIRE(outcomes[2].list.items.size() == 2);
  CHECK(text_at(outcomes[2].list.items[1], "/metadata/name") == "b");
}

}  // namespace crossover::kube
