#include "flyway/validation_job.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "kube/object.h"

namespace crossover::flyway {

namespace {

using nlohmann::json;

/// How an object runs `flyway migrate`.
struct Found {
  json container;
  json pod_spec;
  bool hook = false;
};

const std::string migrate = "migrate";
const std::string validate = "validate";

/// Replaces the verb as a word of its own, inside of a shell's command line too.
bool replace_verb(json& words) {
  bool found = false;
  for (json& word : words) {
    if (!word.is_string()) {
      continue;
    }
    std::string text = word.get<std::string>();
    for (std::size_t at = text.find(migrate); at != std::string::npos;
         at = text.find(migrate, at + 1)) {
      const std::size_t end = at + migrate.size();
      const bool begins = at == 0 || text[at - 1] == ' ';
      const bool ends = end == text.size() || text[end] == ' ' || text[end] == ';';
      if (begins && ends) {
        text.replace(at, migrate.size(), validate);
        found = true;
      }
    }
    word = text;
  }
  return found;
}

bool validates_instead(json& container) {
  bool found = false;
  for (const char* part : {"command", "args"}) {
    if (container.contains(part)) {
      found = replace_verb(container[part]) || found;
    }
  }
  return found;
}

std::optional<Found> from_hook(const json& object) {
  for (const char* path : {"/spec/strategy/rollingParams/pre/execNewPod",
                           "/spec/strategy/recreateParams/pre/execNewPod"}) {
    const json& hook = kube::at(object, path);
    if (!hook.is_object()) {
      continue;
    }
    json command = hook.value("command", json::array());
    if (!replace_verb(command)) {
      continue;
    }
    const json& spec = kube::at(object, "/spec/template/spec");
    for (json container : kube::at(spec, "/containers")) {
      if (kube::text_at(container, "/name") != kube::text_at(hook, "/containerName")) {
        continue;
      }
      container["command"] = command;
      container.erase("args");
      for (const json& variable : kube::at(hook, "/env")) {
        container["env"].push_back(variable);
      }
      return Found{container, spec, true};
    }
  }
  return std::nullopt;
}

std::optional<Found> from_containers(const json& object, const char* list) {
  const json& spec = kube::at(object, "/spec/template/spec");
  for (json container : kube::at(spec, list)) {
    if (validates_instead(container)) {
      return Found{container, spec, false};
    }
  }
  return std::nullopt;
}

std::optional<Found> find(const json& object) {
  const std::string kind = kube::text_at(object, "/kind");
  if (kind == "DeploymentConfig") {
    if (std::optional<Found> found = from_hook(object)) {
      return found;
    }
  }
  if (kind == "Job") {
    return from_containers(object, "/containers");
  }
  return from_containers(object, "/initContainers");
}

/// Only what the container mounts: another volume may belong to what does not run here.
json mounted(const json& pod_spec, const json& container) {
  std::set<std::string> names;
  for (const json& mount : kube::at(container, "/volumeMounts")) {
    names.insert(kube::text_at(mount, "/name"));
  }
  json volumes = json::array();
  for (const json& volume : kube::at(pod_spec, "/volumes")) {
    if (names.contains(kube::text_at(volume, "/name"))) {
      volumes.push_back(volume);
    }
  }
  return volumes;
}

json pod_spec_of(Found found) {
  for (const char* part :
       {"readinessProbe", "livenessProbe", "startupProbe", "lifecycle", "ports"}) {
    found.container.erase(part);
  }
  json spec = found.pod_spec;
  spec.erase("initContainers");
  spec["volumes"] = mounted(found.pod_spec, found.container);
  spec["containers"] = json::array({found.container});
  spec["restartPolicy"] = "Never";
  return spec;
}

}  // namespace

json validation_job(const std::vector<json>& objects, const std::string& name,
                    const std::string& ns, const std::map<std::string, std::string>& labels) {
  for (const json& object : objects) {
    std::optional<Found> found = find(object);
    if (!found) {
      continue;
    }
    json pod_labels = labels;
    if (found->hook) {
      pod_labels["openshift.io/deployer-pod.type"] = "hook-pre";
    }
    return {
        {"apiVersion", "batch/v1"},
        {"kind", "Job"},
        {"metadata", {{"name", name}, {"namespace", ns}, {"labels", labels}}},
        {"spec",
         {{"backoffLimit", 1},
          {"template",
           {{"metadata", {{"labels", pod_labels}}}, {"spec", pod_spec_of(std::move(*found))}}}}}};
  }
  throw Error(ErrorKind::usage,
              "unable to validate the old database: no object of "
              "'provision.homeApi' runs 'flyway migrate'",
              "its pre-hook, init container or Job shows how Flyway is run there");
}

}  // namespace crossover::flyway
