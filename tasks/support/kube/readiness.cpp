#include "kube/readiness.h"

#include <fmt/format.h>

#include <array>

#include "kube/object.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

const json* condition(const json& conditions, std::string_view type) {
  for (const json& item : conditions) {
    if (text_at(item, "/type") == type) {
      return &item;
    }
  }
  return nullptr;
}

const json* condition_of(const json& object, std::string_view type) {
  return condition(at(object, "/status/conditions"), type);
}

bool is_true(const json* item) { return item != nullptr && text_at(*item, "/status") == "True"; }
bool is_false(const json* item) { return item != nullptr && text_at(*item, "/status") == "False"; }

/// "Reason: message" of a condition.
std::string words(const json& item) {
  const std::string reason = text_at(item, "/reason");
  const std::string message = text_at(item, "/message");
  return message.empty() ? reason : reason.empty() ? message : reason + ": " + message;
}

bool is_observed(const json& object) {
  return integer_at(object, "/status/observedGeneration") >=
         integer_at(object, "/metadata/generation");
}

Readiness not_observed() {
  return Readiness::progressing("its controller has not seen the last change yet");
}

std::string count(std::int64_t have, std::int64_t want, std::string_view what) {
  return fmt::format("{} of {} replicas are {}", have, want, what);
}

Readiness deployment(const json& object) {
  if (!is_observed(object)) {
    return not_observed();
  }
  const json* progressing = condition_of(object, "Progressing");
  if (progressing != nullptr && text_at(*progressing, "/reason") == "ProgressDeadlineExceeded") {
    return Readiness::failed(words(*progressing));
  }
  const std::int64_t wanted = integer_at(object, "/spec/replicas", 1);
  const std::int64_t updated = integer_at(object, "/status/updatedReplicas");
  const std::int64_t total = integer_at(object, "/status/replicas");
  const std::int64_t available = integer_at(object, "/status/availableReplicas");
  if (updated < wanted) {
    return Readiness::progressing(count(updated, wanted, "updated"));
  }
  if (total > updated) {
    return Readiness::progressing(fmt::format("{} old replicas are still there", total - updated));
  }
  if (available < wanted) {
    return Readiness::progressing(count(available, wanted, "available"));
  }
  return Readiness::ready();
}

Readiness stateful_set(const json& object) {
  if (!is_observed(object)) {
    return not_observed();
  }
  const std::int64_t wanted = integer_at(object, "/spec/replicas", 1);
  const std::int64_t ready = integer_at(object, "/status/readyReplicas");
  if (ready < wanted) {
    return Readiness::progressing(count(ready, wanted, "ready"));
  }
  if (text_at(object, "/spec/updateStrategy/type") == "OnDelete") {
    return Readiness::ready();  // who deletes the pods decides what runs
  }
  const std::int64_t partition = integer_at(object, "/spec/updateStrategy/rollingUpdate/partition");
  const std::int64_t updated = integer_at(object, "/status/updatedReplicas");
  if (updated < wanted - partition) {
    return Readiness::progressing(count(updated, wanted - partition, "updated"));
  }
  if (partition == 0 &&
      text_at(object, "/status/updateRevision") != text_at(object, "/status/currentRevision")) {
    return Readiness::progressing("its pods are being replaced");
  }
  return Readiness::ready();
}

Readiness daemon_set(const json& object) {
  if (!is_observed(object)) {
    return not_observed();
  }
  const std::int64_t wanted = integer_at(object, "/status/desiredNumberScheduled");
  const std::int64_t updated = integer_at(object, "/status/updatedNumberScheduled");
  const std::int64_t available = integer_at(object, "/status/numberAvailable");
  if (updated < wanted) {
    return Readiness::progressing(count(updated, wanted, "updated"));
  }
  if (available < wanted) {
    return Readiness::progressing(count(available, wanted, "available"));
  }
  return Readiness::ready();
}

Readiness replica_set(const json& object) {
  if (!is_observed(object)) {
    return not_observed();
  }
  if (const json* failure = condition_of(object, "ReplicaFailure"); is_true(failure)) {
    return Readiness::failed(words(*failure));
  }
  const std::int64_t wanted = integer_at(object, "/spec/replicas", 1);
  const std::int64_t available = integer_at(object, "/status/availableReplicas");
  return available < wanted ? Readiness::progressing(count(available, wanted, "available"))
                            : Readiness::ready();
}

/// The rules of `oc rollout status`.
Readiness deployment_config(const json& object) {
  if (!is_observed(object)) {
    return not_observed();
  }
  if (integer_at(object, "/status/latestVersion") == 0) {
    for (const json& trigger : at(object, "/spec/triggers")) {
      if (text_at(trigger, "/type") == "ImageChange" &&
          text_at(trigger, "/imageChangeParams/lastTriggeredImage").empty()) {
        return Readiness::progressing(
            fmt::format("it waits for image 'imagestreamtag/{}'",
                        text_at(trigger, "/imageChangeParams/from/name")));
      }
    }
    return Readiness::progressing("its first rollout has not begun");
  }
  const json* progressing = condition_of(object, "Progressing");
  const std::string reason = progressing == nullptr ? "" : text_at(*progressing, "/reason");
  if (is_false(progressing) &&
      (reason == "ProgressDeadlineExceeded" || reason == "RolloutCancelled")) {
    return Readiness::failed(words(*progressing));
  }
  if (!is_true(progressing) || reason != "NewReplicationControllerAvailable") {
    return Readiness::progressing(
        fmt::format("rollout {} is under way", integer_at(object, "/status/latestVersion")));
  }
  const std::int64_t wanted = integer_at(object, "/spec/replicas", 1);
  const std::int64_t updated = integer_at(object, "/status/updatedReplicas");
  const std::int64_t available = integer_at(object, "/status/availableReplicas");
  if (updated < wanted) {
    return Readiness::progressing(count(updated, wanted, "updated"));
  }
  if (available < wanted) {
    return Readiness::progressing(count(available, wanted, "available"));
  }
  return Readiness::ready();
}

Readiness job(const json& object) {
  if (is_true(condition_of(object, "Complete"))) {
    return Readiness::ready();
  }
  if (const json* failure = condition_of(object, "Failed"); is_true(failure)) {
    return Readiness::failed(words(*failure));
  }
  return Readiness::progressing(fmt::format("{} of {} completions",
                                            integer_at(object, "/status/succeeded"),
                                            integer_at(object, "/spec/completions", 1)));
}

Readiness pod(const json& object) {
  const std::string phase = text_at(object, "/status/phase");
  if (phase == "Succeeded" || is_true(condition_of(object, "Ready"))) {
    return Readiness::ready();
  }
  if (phase == "Failed") {
    const std::string message = text_at(object, "/status/message");
    return Readiness::failed(message.empty() ? "it has failed" : message);
  }
  return Readiness::progressing(phase.empty() ? "it is not scheduled" : "it is " + phase);
}

Readiness volume_claim(const json& object) {
  const std::string phase = text_at(object, "/status/phase");
  if (phase == "Bound") {
    return Readiness::ready();
  }
  if (phase == "Lost") {
    return Readiness::failed("its volume is lost");
  }
  return Readiness::progressing("it is not bound to a volume");
}

Readiness service(const json& object, const json& slices) {
  if (slices.is_null() || text_at(object, "/spec/type") == "ExternalName") {
    return Readiness::ready();
  }
  for (const json& slice : slices) {
    for (const json& endpoint : at(slice, "/endpoints")) {
      // Absent means ready (discovery.k8s.io/v1, EndpointConditions).
      if (at(endpoint, "/conditions/ready") != false) {
        return Readiness::ready();
      }
    }
  }
  return Readiness::progressing("it has no ready endpoint");
}

Readiness resource_definition(const json& object) {
  if (const json* accepted = condition_of(object, "NamesAccepted"); is_false(accepted)) {
    return Readiness::failed(words(*accepted));
  }
  return is_true(condition_of(object, "Established"))
             ? Readiness::ready()
             : Readiness::progressing("it is not established yet");
}

Readiness route(const json& object) {
  Readiness worst = Readiness::progressing("no router has admitted it yet");
  for (const json& ingress : at(object, "/status/ingress")) {
    const json* admitted = condition(at(ingress, "/conditions"), "Admitted");
    if (is_true(admitted)) {
      return Readiness::ready();
    }
    if (is_false(admitted)) {
      worst = Readiness::failed(fmt::format("router '{}' refuses it: {}",
                                            text_at(ingress, "/routerName"), words(*admitted)));
    }
  }
  return worst;
}

Readiness http_route(const json& object) {
  const std::int64_t generation = integer_at(object, "/metadata/generation");
  Readiness found = Readiness::progressing("no gateway has accepted it yet");
  for (const json& parent : at(object, "/status/parents")) {
    const json& conditions = at(parent, "/conditions");
    bool good = true;
    for (const std::string_view type : {"Accepted", "ResolvedRefs"}) {
      const json* item = condition(conditions, type);
      if (item == nullptr || integer_at(*item, "/observedGeneration", generation) < generation) {
        return Readiness::progressing("its gateway has not seen the last change yet");
      }
      if (is_false(item)) {
        return Readiness::failed(words(*item));
      }
      good = good && is_true(item);
    }
    if (good) {
      found = Readiness::ready();
    }
  }
  return found;
}

}  // namespace

Readiness readiness(const json& object, const json& related) {
  if (object.is_null()) {
    return Readiness::progressing("it does not exist");
  }
  struct Rule {
    std::string_view kind;
    Readiness (*judge)(const json&);
  };
  static constexpr std::array<Rule, 12> rules = {{{"Deployment", deployment},
                                                  {"StatefulSet", stateful_set},
                                                  {"DaemonSet", daemon_set},
                                                  {"ReplicaSet", replica_set},
                                                  {"ReplicationController", replica_set},
                                                  {"DeploymentConfig", deployment_config},
                                                  {"Job", job},
                                                  {"Pod", pod},
                                                  {"PersistentVolumeClaim", volume_claim},
                                                  {"CustomResourceDefinition", resource_definition},
                                                  {"Route", route},
                                                  {"HTTPRoute", http_route}}};
  const std::string kind = text_at(object, "/kind");
  if (kind == "Service") {
    return service(object, related);
  }
  for (const Rule& rule : rules) {
    if (rule.kind == kind) {
      return rule.judge(object);
    }
  }
  return Readiness::ready();
}

}  // namespace crossover::kube
