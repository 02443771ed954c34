#include "route-switch/plan.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace crossover::route_switch {
namespace {

config::Route route(const std::string& name, bool move_callers = false) {
  config::Route route;
  route.name = name;
  route.old_service = name + "-api";
  route.new_service = name + "-api-new";
  route.move_callers = move_callers;
  return route;
}

config::Migration migration(std::vector<config::Route> routes) {
  config::Migration config;
  config.name = "registry";
  config.routes = std::move(routes);
  config::SideEffect mailer;
  mailer.name = "mailer";
  mailer.before.object = "deployment/mailer";
  mailer.before.replicas = 1;
  mailer.after.object = "deployment/mailer";
  mailer.after.replicas = 0;
  config.side_effects = {mailer};
  return config;
}

std::vector<std::string> steps(const config::Migration& config, sync::Side to,
                               const std::vector<PlanRoute>& routes) {
  PlanInputs inputs;
  inputs.to = to;
  inputs.routes = routes;
  std::vector<std::string> found;
  const cli::Plan plan = make_plan(config, inputs);
  for (const cli::PlanStep& step : plan.steps()) {
    found.push_back(step.action + " " + step.object);
  }
  return found;
}

std::string hash(const config::Migration& config, const std::vector<PlanRoute>& routes) {
  PlanInputs inputs;
  inputs.routes = routes;
  return make_plan(config, inputs).sha256();
}

const std::vector<PlanRoute> both = {{"route/web", "u1"}, {"httproute/admin", "u2"}};

TEST_CASE("a switch leads the routes in their order, then moves the database; back in reverse") {
  const auto config = migration({route("web", true), route("admin")});
  CHECK(steps(config, sync::Side::new_side, both) ==
        std::vector<std::string>{"lead route/web", "lead service/web-api", "lead httproute/admin",
                                 "side effect deployment/mailer",
                                 "move service to the new database"});
  CHECK(steps(config, sync::Side::old_side, both) ==
        std::vector<std::string>{"move service to the old database", "lead httproute/admin",
                                 "lead service/web-api", "lead route/web",
                                 "side effect deployment/mailer"});
  CHECK(steps(config, sync::Side::new_side, {}) ==
        std::vector<std::string>{"move service to the new database"});
}

TEST_CASE("the callers of a service that two routes share are moved once") {
  auto config = migration({route("web", true), route("public", true)});
  config.routes[1].old_service = "web-api";
  config.routes[1].new_service = "web-api-new";
  CHECK(steps(config, sync::Side::new_side, both) ==
        std::vector<std::string>{"lead route/web", "lead service/web-api", "lead httproute/admin",
                                 "side effect deployment/mailer",
                                 "move service to the new database"});
}

TEST_CASE("an approval is for these routes, their services and their order") {
  const auto config = migration({route("web"), route("admin")});
  const std::string approved = hash(config, both);
  CHECK(hash(config, {both[0], {"httproute/admin", "another uid"}}) != approved);
  auto changed = config;
  changed.routes[1].new_service = "admin-api-next";
  CHECK(hash(changed, both) != approved);
  CHECK(hash(migration({route("admin"), route("web")}), {both[1], both[0]}) != approved);
  CHECK(hash(migration({route("web")}), {both[0]}) != approved);
}

}  // namespace
}  // namespace crossover::route_switch
