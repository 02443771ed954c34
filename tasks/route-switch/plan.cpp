#include "route-switch/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

cli::PlanStep route_step(const config::Migration& config, const PlanInputs& inputs) {
  const bool forward = inputs.to == sync::Side::new_side;
  const config::Route& route = config.require(config.route, "route");
  const std::string& from = forward ? route.old_service : route.new_service;
  const std::string& to = forward ? route.new_service : route.old_service;
  return {"lead",
          inputs.route,
          fmt::format("from service '{}' to service '{}'", from, to),
          {{"from", from}, {"to", to}}};
}

cli::PlanStep callers_step(const config::Migration& config, bool forward) {
  const config::Route& route = config.require(config.route, "route");
  return {"lead",
          "service/" + route.old_service,
          forward ? fmt::format("to the pods of service '{}', for callers inside the cluster",
                                route.new_service)
                  : "to its own pods again",
          {{"to", forward ? route.new_service : route.old_service}}};
}

// They go with the route: from then on the other API is in charge.
void add_side_effects(cli::Plan& plan, const config::Migration& config, sync::Side to) {
  for (const config::Action& action : actions_for(config.side_effects, to)) {
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

}  // namespace

cli::Plan make_plan(const config::Migration& config, const PlanInputs& inputs) {
  const bool forward = inputs.to == sync::Side::new_side;
  const bool with_loss = !inputs.drained_at.empty();
  cli::Plan plan(fmt::format("{} migration '{}' to the {} database{}",
                             forward ? "switch" : "roll back", config.name, sync::name(inputs.to),
                             with_loss ? " and accept the loss of what it lacks" : ""));
  if (!inputs.route_uid.empty()) {
    plan.set_input("routeUid", inputs.route_uid);
  }
  plan.set_input("schemaFingerprints",
                 {{"old", inputs.old_fingerprint}, {"new", inputs.new_fingerprint}});
  if (!inputs.images.empty()) {
    plan.set_input("images", inputs.images);
  }
  const bool with_route = !inputs.route.empty();
  const bool with_callers = with_route && config.require(config.route, "route").move_callers;
  if (forward && with_route) {
    plan.add(route_step(config, inputs));
  }
  if (forward && with_callers) {
    plan.add(callers_step(config, forward));
  }
  if (forward && with_route) {
    add_side_effects(plan, config, inputs.to);
  }
  plan.add(with_loss ? abandon_step(inputs) : database_step(config, inputs));
  if (!forward && with_callers) {
    plan.add(callers_step(config, forward));
  }
  if (!forward && with_route) {
    plan.add(route_step(config, inputs));
    add_side_effects(plan, config, inputs.to);
  }
  return plan;
}

}  // namespace crossover::route_switch
