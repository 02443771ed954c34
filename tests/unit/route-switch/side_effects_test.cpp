#include "route-switch/side_effects.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace crossover::route_switch {
namespace {

using nlohmann::json;
using sync::Side;

config::Action scale(const std::string& object, int replicas) {
  config::Action action;
  action.object = object;
  action.replicas = replicas;
  return action;
}

json deployment() {
  return json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "mailer", "resourceVersion": "7", "labels": {"team": "blue"}},
    "spec": {"replicas": 2, "template": {"spec": {"containers": [
      {"name": "main", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
      {"name": "other"}]}}}})");
}

TEST_CASE("what stops something comes before what starts the other") {
  const std::vector<config::SideEffect> effects = {
      {"new mailer", scale("deployment/new", 0), scale("deployment/new", 1)},
      {"old mailer", scale("deployment/old", 1), scale("deployment/old", 0)}};
  const auto out = actions_for(effects, Side::new_side);
  CHECK(out[0].object == "deployment/old");
  CHECK(out[1].object == "deployment/new");
  const auto back = actions_for(effects, Side::old_side);
  CHECK(back[0].object == "deployment/new");
  CHECK(back[1].object == "deployment/old");
}

TEST_CASE("replicas, environment and labels are set, and nothing else") {
  config::Action action = scale("deployment/mailer", 0);
  action.environment = {{"B", "3"}, {"C", "4"}};
  action.labels = {{"live", "no"}};
  json expected = deployment();
  expected["spec"]["replicas"] = 0;
  expected["spec"]["template"]["spec"]["containers"][0]["env"] =
      json::parse(R"([{"name": "A", "value": "1"}, {"name": "B", "value": "3"},
                      {"name": "C", "value": "4"}])");
  expected["metadata"]["labels"]["live"] = "no";
  const json after = deployment().patch(action_patch(deployment(), action));
  CHECK(after == expected);
  CHECK(action_patch(after, action).empty());
}

TEST_CASE("a schedule is suspended instead of scaled") {
  const json schedule = json::parse(R"({"apiVersion": "batch/v1", "kind": "CronJob",
    "metadata": {"name": "nightly", "resourceVersion": "7"}, "spec": {"schedule": "@daily"}})");
  const json stopped = schedule.patch(action_patch(schedule, scale("cronjob/nightly", 0)));
  CHECK(stopped["spec"]["suspend"] == true);
  CHECK(action_patch(stopped, scale("cronjob/nightly", 0)).empty());
  CHECK(action_patch(schedule, scale("cronjob/nightly", 1)).empty());
  CHECK(stopped.patch(action_patch(stopped, scale("cronjob/nightly", 1)))["spec"]["suspend"] ==
        false);
}

TEST_CASE("an environment needs a container") {
  config::Action action;
  action.environment = {{"A", "1"}};
  try {
    action_patch({{"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", {{"name", "x"}}}},
                 action);
    FAIL("no error was thrown");
  } catch (const Error& error) {
    CHECK(error.text() == "unable to change 'service/x': it has no container");
  }
}

}  // namespace
}  // namespace crossover::route_switch
