#include "kube/diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kube/workload_pods.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr auto short_grace = std::chrono::seconds(5);
constexpr auto scheduling_grace = std::chrono::seconds(30);
constexpr int log_lines = 20;
constexpr std::size_t log_bytes = 8192;

struct WaitingReason {
  std::string_view reason;
  Duration grace;
};
constexpr std::array<WaitingReason, 7> waiting_reasons = {{
    {"ImagePullBackOff", Duration{}},
    {"ErrImagePull", short_grace},
    {"ErrImageNeverPull", Duration{}},
    {"InvalidImageName", Duration{}},
    {"CreateContainerConfigError", short_grace},
    {"CreateContainerError", short_grace},
    {"RunContainerError", short_grace},
}};

/// One container's state. `log` is its last run's exit code and message in words.
void add_container_causes(std::vector<Cause>& causes, const std::string& pod, const json& status) {
  const std::string name = text_at(status, "/name");
  const std::string reason = text_at(status, "/state/waiting/reason");
  const std::string message = text_at(status, "/state/waiting/message");
  if (reason == "CrashLoopBackOff" && integer_at(status, "/restartCount") >= 2) {
    Cause cause{pod, reason, {}, {}, {}, name, true};
    cause.detail = fmt::format("container '{}' ended with exit code {} and was restarted {} times",
                               name, integer_at(status, "/lastState/terminated/exitCode"),
                               integer_at(status, "/restartCount"));
    cause.grace = integer_at(status, "/restartCount") >= 3 ? Duration{} : Duration(short_grace);
    causes.push_back(std::move(cause));
    return;
  }
  for (const WaitingReason& known : waiting_reasons) {
    if (known.reason == reason) {
      causes.push_back({pod,
                        reason,
                        fmt::format("container '{}': {}", name, message),
                        {},
                        known.grace,
                        {},
                        false});
    }
  }
}

void add_failed_pod(std::vector<Cause>& causes, const std::string& pod, const json& object) {
  Cause cause{
      pod,  text_at(object, "/status/reason"), text_at(object, "/status/message"), {}, {}, {},
      false};
  cause.reason = cause.reason.empty() ? "Failed" : cause.reason;
  for (const char* list : {"/status/initContainerStatuses", "/status/containerStatuses"}) {
    for (const json& status : at(object, list)) {
      const std::int64_t code = integer_at(status, "/state/terminated/exitCode");
      if (code != 0 && cause.container.empty()) {
        cause.container = text_at(status, "/name");
        cause.detail = fmt::format("container '{}' ended with exit code {}", cause.container, code);
      }
    }
  }
  causes.push_back(std::move(cause));
}

/// What a read gives, or nothing where we may not or it is gone.
template <typename Read>
auto or_nothing(const Read& read) -> decltype(read()) {
  try {
    return read();
  } catch (const Error&) {
    return {};
  }
}

std::string tail_of(const std::string& text) {
  std::size_t end = text.find_last_not_of(" \r\n");
  return end == std::string::npos ? "" : text.substr(0, end + 1);
}

void fetch_log(Client& client, const std::string& ns, Cause& cause) {
  if (cause.container.empty()) {
    return;
  }
  LogOptions options;
  options.container = cause.container;
  options.previous = cause.previous;
  options.tail_lines = log_lines;
  options.limit_bytes = log_bytes;
  const std::string pod = cause.object.substr(cause.object.find('/') + 1);
  cause.log = tail_of(or_nothing([&] { return client.logs(ns, pod, options); }));
}

void append(std::vector<Cause>& causes, std::vector<Cause> more) {
  std::move(more.begin(), more.end(), std::back_inserter(causes));
}

/// The claims that a pod waits for.
void add_claim_causes(Client& client, const std::string& ns, const json& pod,
                      std::vector<Cause>& causes) {
  for (const json& volume : at(pod, "/spec/volumes")) {
    const std::string name = text_at(volume, "/persistentVolumeClaim/claimName");
    if (name.empty()) {
      continue;
    }
    const auto claim = or_nothing([&] {
      return client.find({"v1", "PersistentVolumeClaim", ns, name});
    });
    if (claim && text_at(*claim, "/status/phase") == "Pending") {
      append(causes, event_causes(or_nothing([&] { return events_of(client, *claim); }),
                                  text_at(*claim, "/metadata/creationTimestamp")));
    }
  }
}

bool is_pending(const json& pod) { return text_at(pod, "/status/phase") == "Pending"; }

/// What a controller could not create is told by a condition or by its events alone.
void add_controller_causes(Client& client, const json& object, std::vector<Cause>& causes) {
  for (const json& condition : at(object, "/status/conditions")) {
    if (text_at(condition, "/type") == "ReplicaFailure" &&
        text_at(condition, "/status") == "True") {
      causes.push_back({ref_of(object).text(),
                        text_at(condition, "/reason"),
                        text_at(condition, "/message"),
                        {},
                        short_grace,
                        {},
                        false});
      return;
    }
  }
  const std::int64_t wanted = integer_at(object, "/spec/replicas", 1);
  if (integer_at(object, "/status/replicas") < wanted) {
    append(causes, event_causes(or_nothing([&] { return events_of(client, object); }),
                                last_written(object)));
  }
}

}  // namespace

std::string Cause::text() const {
  return detail.empty() ? fmt::format("{}: {}", object, reason)
                        : fmt::format("{}: {}: {}", object, reason, detail);
}

std::vector<Cause> pod_causes(const json& pod) {
  std::vector<Cause> causes;
  const std::string name = "pod/" + text_at(pod, "/metadata/name");
  if (!text_at(pod, "/metadata/deletionTimestamp").empty()) {
    return causes;
  }
  for (const char* list : {"/status/initContainerStatuses", "/status/containerStatuses"}) {
    for (const json& status : at(pod, list)) {
      add_container_causes(causes, name, status);
    }
  }
  if (text_at(pod, "/status/phase") == "Failed") {
    add_failed_pod(causes, name, pod);
  }
  for (const json& condition : at(pod, "/status/conditions")) {
    if (text_at(condition, "/type") == "PodScheduled" &&
        text_at(condition, "/reason") == "Unschedulable") {
      causes.push_back(
          {name, "Unschedulable", text_at(condition, "/message"), {}, scheduling_grace, {}, false});
    }
  }
  return causes;
}

std::vector<Cause> event_causes(const std::vector<json>& events, const std::string& since) {
  std::vector<Cause> causes;
  for (const json& event : events) {
    const std::string reason = text_at(event, "/reason");
    const std::string message = text_at(event, "/message");
    std::string time = text_at(event, "/lastTimestamp");
    time = time.empty() ? text_at(event, "/metadata/creationTimestamp") : time;
    // Both are of the server's clock and of one format, so that their texts compare.
    if (time < since) {
      continue;
    }
    const bool missing_mount =
        reason == "FailedMount" && message.find("not found") != std::string::npos;
    if (reason == "FailedCreate" || reason == "ProvisioningFailed" || reason == "FailedBinding" ||
        missing_mount) {
      const Ref about{
          {}, text_at(event, "/involvedObject/kind"), {}, text_at(event, "/involvedObject/name")};
      std::erase_if(causes, [&](const Cause& earlier) { return earlier.reason == reason; });
      causes.push_back({about.text(), reason, message, {}, short_grace, {}, false});
    }
  }
  return causes;
}

std::string last_written(const json& object) {
  std::string latest = text_at(object, "/metadata/creationTimestamp");
  for (const json& entry : at(object, "/metadata/managedFields")) {
    if (text_at(entry, "/subresource").empty()) {
      latest = std::max(latest, text_at(entry, "/time"));
    }
  }
  return latest;
}

std::vector<Cause> diagnose(Client& client, const json& object) {
  std::vector<Cause> causes;
  const std::string ns = text_at(object, "/metadata/namespace");
  const std::string kind = text_at(object, "/kind");
  const auto events = [&](const json& about) {
    return or_nothing([&] { return events_of(client, about); });
  };
  if (kind == "PersistentVolumeClaim") {
    return event_causes(events(object), text_at(object, "/metadata/creationTimestamp"));
  }
  if (kind != "Pod" && integer_at(object, "/status/observedGeneration", 1 << 30) <
                           integer_at(object, "/metadata/generation")) {
    return causes;  // its pods are still those of the last change
  }
  for (const json& pod : or_nothing([&] { return workload_pods(client, object); })) {
    if (is_pending(pod)) {
      add_claim_causes(client, ns, pod, causes);
      append(causes, event_causes(events(pod), text_at(pod, "/metadata/creationTimestamp")));
    }
    append(causes, pod_causes(pod));
  }
  if (kind != "Pod") {
    add_controller_causes(client, object, causes);
  }
  for (Cause& cause : causes) {
    fetch_log(client, ns, cause);
  }
  return causes;
}

}  // namespace crossover::kube
