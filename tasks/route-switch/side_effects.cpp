#include "route-switch/side_effects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/conditional_patch.h"
#include "kube/gitops.h"
#include "kube/object.h"

namespace crossover::route_switch {
namespace {

using nlohmann::json;

bool is_cron_job(const json& object) { return kube::text_at(object, "/kind") == "CronJob"; }

std::string pod_template(const json& object) {
  return is_cron_job(object) ? "/spec/jobTemplate/spec/template" : "/spec/template";
}

void set(json& patch, const json& object, const std::string& path, const json& value) {
  if (kube::at(object, path) != value) {
    patch.push_back({{"op", "add"}, {"path", path}, {"value", value}});
  }
}

void set_replicas(json& patch, const json& object, int replicas) {
  if (is_cron_job(object)) {
    const bool suspended = kube::at(object, "/spec/suspend") == json(true);
    if (suspended != (replicas == 0)) {
      set(patch, object, "/spec/suspend", replicas == 0);
    }
  } else {
    set(patch, object, "/spec/replicas", replicas);
  }
}

void set_environment(json& patch, const json& object, const config::Action& action) {
  const std::string container = pod_template(object) + "/spec/containers/0";
  if (kube::at(object, container).is_null()) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to change '{}': it has no container", kube::ref_of(object).text()),
        "only workloads have an environment: correct sideEffects in crossover.yaml");
  }
  json variables = kube::at(object, container + "/env");
  if (!variables.is_array()) {
    variables = json::array();
  }
  for (const auto& [name, value] : action.environment) {
    const auto there = std::find_if(variables.begin(), variables.end(), [&](const json& variable) {
      return variable.value("name", "") == name;
    });
    const json wanted = {{"name", name}, {"value", value}};
    if (there == variables.end()) {
      variables.push_back(wanted);
    } else {
      *there = wanted;
    }
  }
  set(patch, object, container + "/env", variables);
}

void set_labels(json& patch, const json& object, const config::Action& action) {
  json labels = kube::at(object, "/metadata/labels");
  if (!labels.is_object()) {
    labels = json::object();
  }
  for (const auto& [key, value] : action.labels) {
    labels[key] = value;
  }
  set(patch, object, "/metadata/labels", labels);
}

// "deployment/mailer": the kind by its name, plural or short name, as `oc` takes it.
kube::Ref resolve(kube::Client& client, const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string wanted = text.substr(0, slash);
  const auto lower = [](std::string word) {
    std::ranges::transform(word, word.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return word;
  };
  for (const kube::Resource& resource : client.resources()) {
    if (lower(resource.kind) == lower(wanted) || resource.plural == lower(wanted) ||
        std::ranges::find(resource.short_names, lower(wanted)) != resource.short_names.end()) {
      return {resource.api_version, resource.kind, {}, text.substr(slash + 1)};
    }
  }
  throw Error(ErrorKind::precondition,
              fmt::format("unable to find '{}': the server has no kind '{}'", text, wanted),
              "correct sideEffects in crossover.yaml");
}

std::string words_of(const config::Action& action) {
  std::string words;
  const auto add = [&](const std::string& word) { words += (words.empty() ? "" : ", ") + word; };
  if (action.replicas) {
    add(fmt::format("replicas {}", *action.replicas));
  }
  for (const auto& [name, value] : action.environment) {
    add(fmt::format("{}={}", name, value));
  }
  for (const auto& [key, value] : action.labels) {
    add(fmt::format("label {}={}", key, value));
  }
  return words;
}

json read(kube::Client& client, const kube::Ref& ref) {
  json object = client.get(ref);
  kube::refuse_gitops_owned(object);
  return object;
}

void change(cli::TaskContext& context, kube::Client& client, const config::Action& action) {
  const kube::Ref ref = resolve(client, action.object);
  if (kube::patch_conditionally(client, ref, [&](const json& object) {
        kube::refuse_gitops_owned(object);
        return action_patch(object, action);
      })) {
    context.result().add_change(ref.text(), "side effect", words_of(action));
  }
}

// What was scaled to nothing has ended when its last pod is gone.
void await_stopped(cli::TaskContext& context, kube::Client& client, const config::Action& action) {
  kube::wait_until(
      client, resolve(client, action.object), "stopped",
      [](const json& object) {
        return kube::integer_at(object, "/status/observedGeneration") >=
                   kube::integer_at(object, "/metadata/generation") &&
               kube::integer_at(object, "/status/replicas") == 0 &&
               kube::at(object, "/status/active").empty();
      },
      context.config().cutover.ready_timeout, context.stop());
}

}  // namespace

bool stops(const config::Action& action) { return action.replicas == 0; }

std::vector<config::Action> actions_for(const std::vector<config::SideEffect>& side_effects,
                                        sync::Side to) {
  std::vector<config::Action> actions;
  actions.reserve(side_effects.size());
  for (const config::SideEffect& one : side_effects) {
    actions.push_back(to == sync::Side::new_side ? one.after : one.before);
  }
  std::ranges::stable_partition(actions, stops);
  return actions;
}

json action_patch(const json& object, const config::Action& action) {
  json patch = json::array();
  if (action.replicas) {
    set_replicas(patch, object, *action.replicas);
  }
  if (!action.environment.empty()) {
    set_environment(patch, object, action);
  }
  if (!action.labels.empty()) {
    set_labels(patch, object, action);
  }
  if (!patch.empty()) {
    patch.insert(patch.begin(),
                 json{{"op", "test"},
                      {"path", "/metadata/resourceVersion"},
                      {"value", kube::text_at(object, "/metadata/resourceVersion")}});
  }
  return patch;
}

std::vector<std::string> side_effects_due(cli::TaskContext& context, kube::Client& client,
                                          sync::Side to) {
  std::vector<std::string> due;
  for (const config::Action& action : actions_for(context.config().side_effects, to)) {
    if (!action_patch(read(client, resolve(client, action.object)), action).empty()) {
      due.push_back(fmt::format("{} ({})", action.object, words_of(action)));
    }
  }
  return due;
}

void apply_side_effects(cli::TaskContext& context, kube::Client& client, sync::Side to) {
  const std::vector<config::Action> actions = actions_for(context.config().side_effects, to);
  const auto first_start = std::ranges::find_if_not(actions, stops);
  std::for_each(actions.begin(), first_start,
                [&](const config::Action& action) { change(context, client, action); });
  std::for_each(actions.begin(), first_start, [&](const config::Action& action) {
    if (kube::at(client.get(resolve(client, action.object)), "/spec/suspend").is_null()) {
      await_stopped(context, client, action);
    }
  });
  std::for_each(first_start, actions.end(),
                [&](const config::Action& action) { change(context, client, action); });
}

}  // namespace crossover::route_switch
