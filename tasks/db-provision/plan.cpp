#include "db-provision/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kube/object.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

/// The pooler's pods are rolled when a secret of theirs changes, by a digest in an annotation. The
/// administrator's password is made when it is first applied, so the digest can't be in a plan.
constexpr const char* content_annotation = "crossover/content-sha256";

/// The set as an approver sees it.
resources::ObjectSet for_plan(const config::Migration& config, const ObservedStage& stage) {
  std::vector<json> objects = stage.set.objects();
  for (json& object : objects) {
    if (!kube::at(object, "/spec/template/metadata/annotations").is_null()) {
      object["spec"]["template"]["metadata"]["annotations"].erase(content_annotation);
    }
  }
  return {config.name, stage.name, std::move(objects)};
}

void add_flyway(cli::Plan& plan, const config::Flyway& flyway) {
  const std::string runner(config::word(config::flyway_runners, flyway.runner));
  if (flyway.runner == config::FlywayRunner::none) {
    return;
  }
  json payload = {{"runner", runner}};
  if (flyway.runner == config::FlywayRunner::local) {
    payload["command"] = flyway.command;
    payload["locations"] = flyway.locations;
  }
  plan.add({.action = "migrate",
            .object = "database new",
            .detail = "by Flyway, runner " + runner,
            .payload = std::move(payload)});
}

}  // namespace

std::vector<json> keep_what_holds_data(resources::SetState& state) {
  const auto holds_data = [](const json& object) {
    const std::string kind = kube::text_at(object, "/kind");
    return kind == "StatefulSet" || kind == "PersistentVolumeClaim" || kind == "Secret";
  };
  const auto kept = std::ranges::stable_partition(
      state.stale, [&](const json& object) { return !holds_data(object); });
  std::vector<json> result(kept.begin(), kept.end());
  state.stale.erase(kept.begin(), kept.end());
  return result;
}

cli::Plan plan_apply(const config::Migration& config, const ApplyGoal& goal,
                     const std::vector<ObservedStage>& stages) {
  cli::Plan plan(goal.way == Way::home ? "provision home of '" + config.name + "'"
                                       : "provision the new set of '" + config.name + "'");
  plan.set_input("force", goal.force);
  if (goal.adopt_history) {
    plan.add({.action = "adopt history",
              .object = "database old",
              .detail = "copy Flyway's history from the new database, then 'flyway validate'",
              .payload = {{"table", config.provision.flyway.history_table},
                          {"schema", config.provision.flyway.schema}}});
  }
  const bool in_api = config.provision.flyway.runner == config::FlywayRunner::hook ||
                      config.provision.flyway.runner == config::FlywayRunner::init_container;
  for (const ObservedStage& stage : stages) {
    if (goal.way == Way::out && stage.name == "api" && !in_api) {
      add_flyway(plan, config.provision.flyway);
    }
    resources::add_steps(plan, for_plan(config, stage), stage.state);
    if (!stage.set.objects().empty()) {
      plan.add({.action = "wait", .object = "set " + stage.name, .detail = "until it is ready"});
    }
    if (goal.way == Way::out && stage.name == "api" && in_api) {
      add_flyway(plan, config.provision.flyway);
    }
  }
  return plan;
}

std::vector<json> to_be_removed(std::vector<json> labelled, bool volumes) {
  std::erase_if(labelled, [&](const json& object) {
    return !volumes && kube::text_at(object, "/kind") == "PersistentVolumeClaim";
  });
  return labelled;
}

cli::Plan plan_remove(const config::Migration& config, const std::vector<json>& objects,
                      bool volumes) {
  cli::Plan plan("delete what bears '" + config.temporary_label + "'");
  plan.set_input("volumes", volumes);
  resources::add_delete_steps(plan, objects);
  return plan;
}

}  // namespace crossover::db_provision
