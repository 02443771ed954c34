#include "db-provision/references.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace crossover;
using db_provision::live_database_objection;
using db_provision::references_into;
using nlohmann::json;
using sync::GateState;

namespace {

json in_cluster(const std::string& kind, const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", kind},
          {"metadata", {{"name", name}, {"namespace", "n"}, {"uid", kind + name}}}};
}

json service(const std::string& name, const json& selector) {
  json result = in_cluster("Service", name);
  result["spec"]["selector"] = selector;
  return result;
}

json workload(const std::string& name, const std::string& database) {
  json result = in_cluster("Deployment", name);
  result["spec"]["template"] = {
      {"metadata", {{"labels", {{"app", name}}}}},
      {"spec", {{"containers", {{{"env", {{{"name", "DB"}, {"value", database}}}}}}}}}};
  return result;
}

json route(const std::string& name, const std::string& to, const std::string& alternate = {}) {
  json result = in_cluster("Route", name);
  result["apiVersion"] = "route.openshift.io/v1";
  result["spec"]["to"] = {{"kind", "Service"}, {"name", to}, {"weight", 100}};
  if (!alternate.empty()) {
    result["spec"]["alternateBackends"] = {
        {{"kind", "Service"}, {"name", alternate}, {"weight", 10}}};
  }
  return result;
}

std::string text(const std::vector<db_provision::Reference>& references) {
  std::string all;
  for (const auto& reference : references) {
    all += reference.from + ">" + reference.to + " ";
  }
  return all;
}

}  // namespace

TEST_CASE("a Route to a Service that would go is found, whatever backend it is") {
  const json api = service("api-new", {{"app", "api-new"}});
  db_provision::Surroundings around{{route("web", "api-new")}, {api}, {}};
  CHECK(text(references_into({api}, around, {"web"})) == "route/web>service/api-new ");
  around.routes = {route("web", "api-old", "api-new")};
  CHECK(text(references_into({api}, around, {"web"})) == "route/web>service/api-new ");
  around.routes = {route("web", "api-old")};
  CHECK(text(references_into({api}, around, {"web"})).empty());
}

TEST_CASE("a Service that stays and loses all its pods counts as one that goes") {
  const json stays = service("api", {{"app", "api-new"}});
  const json pods = workload("api-new", "db");
  const db_provision::Surroundings around{{route("web", "api")}, {stays}, {pods}};
  CHECK(text(references_into({pods}, around, {"web"})) == "route/web>service/api ");
}

TEST_CASE("a Route that goes along does not count, but for the configured one") {
  const json api = service("api-new", {});
  const json web = route("web", "api-new");
  const db_provision::Surroundings around{{web}, {api}, {}};
  CHECK(text(references_into({api, web}, around, {"other"})).empty());
  CHECK(text(references_into({api, web}, around, {"other", "web"})) ==
        "route/web>service/api-new ");
}

TEST_CASE("a workload that stays and connects to the pooler is found") {
  const json pooler = service("pooler", {});
  const db_provision::Surroundings around{
      {}, {pooler}, {workload("api", "pooler.n.svc"), workload("other", "db")}};
  CHECK(text(references_into({pooler}, around, {})) == "deployment/api (DB)>service/pooler ");
}

TEST_CASE("the gates say which database may go") {
  CHECK(live_database_objection(GateState::open, GateState::closed).empty());
  CHECK(live_database_objection(GateState::open, std::nullopt).empty());
  CHECK(live_database_objection(GateState::absent, GateState::absent).empty());
  CHECK(live_database_objection(GateState::closed, GateState::open) ==
        "the new database is the live one");
  CHECK(live_database_objection(std::nullopt, GateState::open) ==
        "the new database is the live one");
  CHECK(live_database_objection(GateState::closed, GateState::closed) ==
        "a switch is not finished: no database takes writes");
  CHECK(live_database_objection(GateState::closed, std::nullopt) ==
        "the old database takes no writes and the new one can't be asked");
  CHECK(live_database_objection(std::nullopt, std::nullopt) ==
        "the old database can't be asked which one is live");
}
