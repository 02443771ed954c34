#include "db-provision/stay_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/object.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;
using sync::GateState;

// Kinds that nobody finds by a label, and templates' records whose owner finds them by others.
bool finds_nobody(const json& object, const std::string& key) {
  const std::string kind = kube::text_at(object, "/kind");
  if (kind == "ReplicaSet" || kind == "ReplicationController") {
    const json& selector =
        kube::at(object, kind == "ReplicaSet" ? "/spec/selector/matchLabels" : "/spec/selector");
    return selector.is_object() && !selector.contains(key);
  }
  return kind == "PersistentVolumeClaim" || kind == "Secret";
}

std::string label_key(const std::string& label) { return label.substr(0, label.find('=')); }
std::string label_value(const std::string& label) { return label.substr(label.find('=') + 1); }

// The variable of a workload by which it connects to a Service; empty where none does.
std::string variable_naming(const json& object, const std::string& service) {
  for (const json& container : kube::at(object, "/spec/template/spec/containers")) {
    for (const json& variable : kube::at(container, "/env")) {
      const std::string value = kube::text_at(variable, "/value");
      if (value.substr(0, value.find('.')) == service) {
        return kube::text_at(variable, "/name");
      }
    }
  }
  return {};
}

}  // namespace

std::string stay_objection(const StayFacts& old_side, const StayFacts& new_side) {
  if (!new_side.reachable) {
    return "the new database can't be asked whether the migration has ended";
  }
  for (const StayFacts* side : {&old_side, &new_side}) {
    if (side->reachable && !side->phase.empty() && side->phase != "finished") {
      return fmt::format("the migration has not ended: the {} database is {}",
                         side == &old_side ? "old" : "new", side->phase);
    }
  }
  if (new_side.gate == GateState::open) {
    return {};
  }
  if (!old_side.reachable) {
    return "the old database can't be asked which one is live";
  }
  return old_side.gate == GateState::closed ? std::string()
                                            : "the service does not live on the new database";
}

Labelled sort_labelled(const std::vector<json>& labelled, const std::vector<json>& going,
                       const config::Migration& config) {
  const std::string key = label_key(config.temporary_label);
  Labelled sorted;
  for (const json& object : labelled) {
    const std::string uid = kube::text_at(object, "/metadata/uid");
    const bool goes = std::ranges::any_of(
        going, [&](const json& other) { return kube::text_at(other, "/metadata/uid") == uid; });
    if (goes || !kube::text_at(object, "/metadata/deletionTimestamp").empty()) {
      continue;
    }
    const bool ours = kube::label(object, resources::set_label).starts_with(config.name + ".") ||
                      finds_nobody(object, key);
    (ours ? sorted.unlabel : sorted.left).push_back(object);
  }
  return sorted;
}

void require_without_temporary(const std::vector<json>& objects, const config::Migration& config) {
  const std::string& label = config.temporary_label;
  for (const json& object : objects) {
    const std::string name = kube::ref_of(object).text();
    if (!label.empty() && kube::label(object, label_key(label)) == label_value(label)) {
      throw Error(ErrorKind::usage,
                  fmt::format("unable to use 'provision.stay': '{}' bears the temporary label '{}'",
                              name, label),
                  "give the template another label for what stays");
    }
    const std::string variable =
        config.pooler ? variable_naming(object, config.pooler->name) : std::string();
    if (!variable.empty()) {
      throw Error(ErrorKind::usage,
                  fmt::format("unable to use 'provision.stay': '{}' connects to the pooler ({})",
                              name, variable),
                  "lead it to the new database: the pooler goes away");
    }
  }
}

cli::Plan plan_stay(const config::Migration& config, const ApplyGoal& goal,
                    const ObservedStage& stage, const std::vector<json>& going,
                    const std::vector<json>& unlabel) {
  cli::Plan plan("have '" + config.name + "' stay on the new set");
  plan.set_input("force", goal.force);
  resources::add_steps(plan, stage.set, stage.state);
  plan.add({.action = "wait", .object = "set " + stage.name, .detail = "until it is ready"});
  resources::add_delete_steps(plan, going);
  for (const json& object : unlabel) {
    plan.add({.action = "unlabel",
              .object = kube::ref_of(object).text(),
              .detail = "take '" + config.temporary_label + "' off",
              .payload = {{"uid", kube::text_at(object, "/metadata/uid")}}});
  }
  return plan;
}

}  // namespace crossover::db_provision
