#include "route-switch/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "route-switch/side_effects.h"

namespace crossover::route_switch {
namespace {

using nlohmann::json;

json tables_payload(const std::vector<sync::SyncedTable>& tables) {
  json list = json::array();
  for (const sync::SyncedTable& table : tables) {
    list.push_back({{"table", table.table.text()},
                    {"policy", std::string(sync::name(table.policy))},
                    {"key", table.key},
                    {"columns", table.columns},
                    {"types", table.types}});
  }
  return list;
}

cli::PlanStep route_step(const config::Route& route, const std::string& object, bool forward) {
  const std::string& from = forward ? route.old_service : route.new_service;
  const std::string& to = forward ? route.new_service : route.old_service;
  return {"lead",
          object,
          fmt::format("from service '{}' to service '{}'", from, to),
          {{"from", from}, {"to", to}}};
}

cli::PlanStep callers_step(const config::Route& route, bool forward) {
  return {"lead",
          "service/" + route.old_service,
          forward ? fmt::format("to the pods of service '{}', for callers inside the cluster",
                                route.new_service)
                  : "to its own pods again",
          {{"to", forward ? route.new_service : route.old_service}}};
}

// Whether the callers of that route's old Service have not been moved with an earlier one.
bool moves_callers(const std::vector<config::Route>& routes, std::size_t index) {
  const auto moves = [&](const config::Route& route) {
    return route.move_callers && route.old_service == routes[index].old_service;
  };
  const auto here = routes.begin() + static_cast<std::ptrdiff_t>(index);
  return here->move_callers && std::none_of(routes.begin(), here, moves);
}

// The side effects go with the routes: from then on the other API is in charge.
void add_routes(cli::Plan& plan, const config::Migration& config, const PlanInputs& inputs) {
  const bool forward = inputs.to == sync::Side::new_side;
  const auto& routes = config.require(config.routes, "route");
  std::vector<cli::PlanStep> steps;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    steps.push_back(route_step(routes[i], inputs.routes.at(i).object, forward));
    if (moves_callers(routes, i)) {
      steps.push_back(callers_step(routes[i], forward));
    }
  }
  if (!forward) {
    std::ranges::reverse(steps);
  }
  for (cli::PlanStep& step : steps) {
    plan.add(std::move(step));
  }
  for (const config::Action& action : actions_for(config.side_effects, inputs.to)) {
    json payload = {{"environment", action.environment}, {"labels", action.labels}};
    std::string detail = "environment and labels as configured";
    if (action.replicas) {
      payload["replicas"] = *action.replicas;
      detail = fmt::format("replicas {}", *action.replicas);
    }
    plan.add({"side effect", action.object, detail, payload});
  }
}

cli::PlanStep database_step(const config::Migration& config, const PlanInputs& inputs) {
  const auto budget =
      std::chrono::duration_cast<std::chrono::milliseconds>(config.cutover.pause_budget);
  return {"move",
          fmt::format("service to the {} database", sync::name(inputs.to)),
          fmt::format("{} tables, paused for at most {} ms at pooler {}", inputs.tables.size(),
                      budget.count(), fmt::join(inputs.poolers, ", ")),
          {{"to", std::string(sync::name(inputs.to))},
           {"pauseBudgetMs", budget.count()},
           {"sequenceMargin", config.sync.sequence_margin},
           {"tables", tables_payload(inputs.tables)}}};
}

cli::PlanStep abandon_step(const PlanInputs& inputs) {
  return {"abandon",
          "new database",
          fmt::format("the service goes on with what the old one had at {}; what was written to "
                      "the new one after that is lost to it",
                      inputs.drained_at),
          {{"to", "old"}, {"acceptLoss", true}, {"tables", tables_payload(inputs.tables)}}};
}

void set_routes(cli::Plan& plan, const std::vector<PlanRoute>& routes) {
  if (routes.size() == 1) {
    plan.set_input("routeUid", routes.front().uid);
    return;
  }
  json uids = json::object();
  for (const PlanRoute& route : routes) {
    uids[route.object] = route.uid;
  }
  if (!uids.empty()) {
    plan.set_input("routeUids", std::move(uids));
  }
}

}  // namespace

cli::Plan make_plan(const config::Migration& config, const PlanInputs& inputs) {
  const bool forward = inputs.to == sync::Side::new_side;
  const bool with_loss = !inputs.drained_at.empty();
  cli::Plan plan(fmt::format("{} migration '{}' to the {} database{}",
                             forward ? "switch" : "roll back", config.name, sync::name(inputs.to),
                             with_loss ? " and accept the loss of what it lacks" : ""));
  set_routes(plan, inputs.routes);
  plan.set_input("schemaFingerprints",
                 {{"old", inputs.old_fingerprint}, {"new", inputs.new_fingerprint}});
  if (!inputs.images.empty()) {
    plan.set_input("images", inputs.images);
  }
  if (forward && !inputs.routes.empty()) {
    add_routes(plan, config, inputs);
  }
  plan.add(with_loss ? abandon_step(inputs) : database_step(config, inputs));
  if (!forward && !inputs.routes.empty()) {
    add_routes(plan, config, inputs);
  }
  return plan;
}

}  // namespace crossover::route_switch
