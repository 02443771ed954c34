#include "cutover/backend_ready.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "kube/diagnose.h"
#include "kube/list_allowed.h"
#include "kube/object.h"

namespace crossover::cutover {
namespace {

using nlohmann::json;

bool is_ready(const json& endpoint) {
  const json& ready = kube::at(endpoint, "/conditions/ready");
  return !ready.is_boolean() || ready.get<bool>();
}

std::set<std::string> ready_addresses(const std::vector<json>& slices) {
  std::set<std::string> found;
  for (const json& slice : slices) {
    for (const json& endpoint : kube::at(slice, "/endpoints")) {
      if (is_ready(endpoint)) {
        const std::string uid = kube::text_at(endpoint, "/targetRef/uid");
        found.insert(uid.empty() ? kube::text_at(endpoint, "/addresses/0") : uid);
      }
    }
  }
  return found;
}

bool on_its_way_out(const json& pod) {
  return !kube::text_at(pod, "/metadata/deletionTimestamp").empty() ||
         kube::text_at(pod, "/status/phase") == "Succeeded";
}

// Why a pod takes no requests; empty where it does, or where it is on its way out.
std::string why_not(const json& pod) {
  if (on_its_way_out(pod)) {
    return {};
  }
  for (const json& condition : kube::at(pod, "/status/conditions")) {
    if (condition.value("type", "") == "Ready" && condition.value("status", "") == "True") {
      return {};
    }
  }
  const std::vector<kube::Cause> causes = kube::pod_causes(pod);
  if (!causes.empty()) {
    return causes.front().reason;
  }
  for (const json& condition : kube::at(pod, "/status/conditions")) {
    if (condition.value("type", "") == "Ready" && !condition.value("message", "").empty()) {
      return condition.value("message", "");
    }
  }
  return "not ready";
}

std::vector<json> workloads_of(kube::Client& client, const std::string& ns) {
  std::vector<json> workloads;
  for (const auto& [api_version, kind] :
       {std::pair("apps/v1", "Deployment"), std::pair("apps/v1", "StatefulSet"),
        std::pair("apps.openshift.io/v1", "DeploymentConfig")}) {
    std::ranges::move(kube::list_if_allowed(client, api_version, kind, {}, ns),
                      std::back_inserter(workloads));
  }
  return workloads;
}

// Waits for one Service, with what was last said of it.
class Waiting {
 public:
  Waiting(const ReadyWait& wait, const Clock& clock, Log& log)
      : wait_(wait), clock_(clock), log_(log), deadline_(clock, wait.timeout) {}

  // Whether requests may be led there now.
  bool enough(const Capacity& to, const Capacity& from) {
    const std::size_t most = needed(to, from);
    const bool all = to.external || to.ready >= most;
    if (!all) {
      since_.reset();
      waited_ = true;
      say(text(to, most));
      return false;
    }
    if (!since_) {
      since_ = clock_.now();
    }
    return !waited_ || clock_.now() - *since_ >= wait_.steady;
  }

  void throw_if_late() const {
    if (deadline_.passed()) {
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to lead requests to service '{}': {} after {:.0f} s",
                              wait_.to, last_, seconds(wait_.timeout)));
    }
  }

 private:
  std::string text(const Capacity& to, std::size_t most) const {
    std::string said = fmt::format("{} of {} pods are ready", to.ready, most);
    if (!to.missing.empty()) {
      said += fmt::format(" (missing: {})", fmt::join(to.missing, ", "));
    }
    return said;
  }

  void say(std::string now) {
    constexpr auto again = std::chrono::seconds(5);
    if (now != last_ || !said_ || clock_.now() - *said_ >= again) {
      log_.info("waiting for service '{}': {}", wait_.to, now);
      said_ = clock_.now();
    }
    last_ = std::move(now);
  }

  const ReadyWait& wait_;
  const Clock& clock_;
  Log& log_;
  Deadline deadline_;
  bool waited_ = false;
  std::optional<Clock::Monotonic> since_;
  std::optional<Clock::Monotonic> said_;
  std::string last_ = "its pods do not stay ready";
};

}  // namespace

Capacity capacity_of(const json& service, const std::vector<json>& slices,
                     const std::vector<json>& pods, const std::vector<json>& workloads) {
  Capacity capacity;
  capacity.external = kube::text_at(service, "/spec/type") == "ExternalName";
  capacity.ready = ready_addresses(slices).size();
  for (const json& pod : pods) {
    const std::string why = why_not(pod);
    if (!why.empty()) {
      capacity.missing.push_back(
          fmt::format("pod/{} ({})", kube::text_at(pod, "/metadata/name"), why));
    }
  }
  for (const json& workload : workloads) {
    if (!kube::selects(kube::at(service, "/spec/selector"),
                       kube::at(workload, "/spec/template/metadata/labels"))) {
      continue;
    }
    const std::int64_t replicas = kube::integer_at(workload, "/spec/replicas", 1);
    capacity.wanted = capacity.wanted.value_or(0) + static_cast<std::size_t>(replicas);
    if (replicas == 0) {
      const kube::Ref ref{
          {}, kube::text_at(workload, "/kind"), {}, kube::text_at(workload, "/metadata/name")};
      capacity.missing.push_back(ref.text() + " (scaled to 0)");
    }
  }
  return capacity;
}

std::size_t needed(const Capacity& to, const Capacity& from) {
  return std::max<std::size_t>(1, std::min(to.wanted.value_or(1), from.ready));
}

Capacity read_capacity_of_pods(kube::Client& client, const json& selector, const std::string& ns) {
  const std::vector<json> pods = client.list("v1", "Pod", kube::selector_text(selector), ns).items;
  Capacity capacity =
      capacity_of({{"spec", {{"selector", selector}}}}, {}, pods, workloads_of(client, ns));
  capacity.ready = static_cast<std::size_t>(std::ranges::count_if(
      pods, [](const json& pod) { return !on_its_way_out(pod) && why_not(pod).empty(); }));
  return capacity;
}

Capacity read_capacity(kube::Client& client, const std::string& name, const std::string& ns) {
  const json service = client.get("v1", "Service", name, ns);
  const std::vector<json> slices =
      client.list("discovery.k8s.io/v1", "EndpointSlice", "kubernetes.io/service-name=" + name, ns)
          .items;
  const std::string selector = kube::selector_text(kube::at(service, "/spec/selector"));
  std::vector<json> pods;
  std::vector<json> workloads;
  if (!selector.empty()) {
    pods = kube::list_if_allowed(client, "v1", "Pod", selector, ns);
    workloads = workloads_of(client, ns);
  }
  return capacity_of(service, slices, pods, workloads);
}

void await_ready(kube::Client& client, const std::string& ns, const ReadyWait& wait,
                 const Clock& clock, Log& log, const StopRequest& stop) {
  Waiting waiting(wait, clock, log);
  while (true) {
    const Capacity to = wait.selector.is_null() ? read_capacity(client, wait.to, ns)
                                                : read_capacity_of_pods(client, wait.selector, ns);
    Capacity from = to;
    from.ready = to.wanted.value_or(1);
    if (!wait.from.empty() && client.find({"v1", "Service", ns, wait.from})) {
      from = read_capacity(client, wait.from, ns);
    }
    if (waiting.enough(to, from)) {
      return;
    }
    waiting.throw_if_late();
    stop.throw_if_requested();
    clock.sleep(wait.poll);
  }
}

}  // namespace crossover::cutover
