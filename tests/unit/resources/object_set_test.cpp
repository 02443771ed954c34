#include "resources/object_set.h"

#include <catch2/catch.hpp>

namespace crossover::resources {

namespace {

using nlohmann::json;

json secret(const char* part, const json& data) {
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", "login"}, {"namespace", "n"}}},
          {part, data}};
}

cli::Plan plan_of(const json& object) {
  const ObjectSet set("shop", "network", {object});
  SetState state;
  state.live.resize(1);
  cli::Plan plan("apply");
  add_steps(plan, set, state);
  return plan;
}

}  // namespace

TEST_CASE("a plan shows which keys a Secret has and nothing of their values", "[resources]") {
  const char* part = GENERATE("data", "stringData");
  const json shown = plan_of(secret(part, {{"password", "canary"}})).to_json();
  CHECK(shown["steps"][0]["payload"][part] == json{{"password", "[redacted]"}});
  CHECK(shown.dump().find("canary") == std::string::npos);
}

TEST_CASE("a plan's hash tells nobody whether a password was guessed right", "[resources]") {
  const std::string hash = plan_of(secret("data", {{"password", "MQ=="}})).sha256();
  CHECK(plan_of(secret("data", {{"password", "Mg=="}})).sha256() == hash);
  CHECK(plan_of(secret("data", {{"user", "MQ=="}})).sha256() != hash);
  CHECK(plan_of(secret("stringData", {{"password", "MQ=="}})).sha256() != hash);
}

TEST_CASE("a plan's hash is bound to every value of other objects", "[resources]") {
  const auto config_map = [](const char* value) {
    return json{{"apiVersion", "v1"},
                {"kind", "ConfigMap"},
                {"metadata", {{"name", "settings"}}},
                {"data", {{"key", value}}}};
  };
  CHECK(plan_of(config_map("1")).sha256() != plan_of(config_map("2")).sha256());
}

}  // namespace crossover::resources
