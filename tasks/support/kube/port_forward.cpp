#include "kube/port_forward.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kube/forward_listener.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

bool is_ready(const json& pod) {
  if (!text_at(pod, "/metadata/deletionTimestamp").empty() ||
      text_at(pod, "/status/phase") != "Running") {
    return false;
  }
  for (const json& condition : at(pod, "/status/conditions")) {
    if (text_at(condition, "/type") == "Ready") {
      return text_at(condition, "/status") == "True";
    }
  }
  return false;
}

/// A number, or the containerPort of that name.
int container_port(const json& pod, const std::string& port, const std::string& what) {
  if (!port.empty() && port.find_first_not_of("0123456789") == std::string::npos &&
      port.size() < 6) {
    return std::stoi(port);
  }
  for (const json& container : at(pod, "/spec/containers")) {
    for (const json& entry : at(container, "/ports")) {
      if (text_at(entry, "/name") == port) {
        return static_cast<int>(integer_at(entry, "/containerPort"));
      }
    }
  }
  throw Error(ErrorKind::precondition,
              fmt::format("unable to forward to '{}': pod '{}' has no port '{}'", what,
                          text_at(pod, "/metadata/name"), port));
}

[[noreturn]] void no_pod(const std::string& what) {
  throw Error(ErrorKind::precondition,
              fmt::format("unable to forward to '{}': no ready pod is behind it", what),
              "wait until a pod is ready, or see why none is with 'oc get pods'");
}

/// The Service's port that `port` names or numbers; its only one where nothing is said.
json service_port(const json& service, const std::string& port, const std::string& what) {
  const json& ports = at(service, "/spec/ports");
  for (const json& entry : ports) {
    if (port.empty() || text_at(entry, "/name") == port ||
        std::to_string(integer_at(entry, "/port")) == port) {
      return entry;
    }
  }
  throw Error(ErrorKind::precondition,
              fmt::format("unable to forward to '{}': it has no port '{}'", what, port));
}

/// By the endpoints where there is no selector: Patroni keeps such Services itself.
PodPort behind_slices(Client& client, const std::string& ns, const std::string& name,
                      const json& port, const std::string& what) {
  const List slices =
      client.list("discovery.k8s.io/v1", "EndpointSlice", "kubernetes.io/service-name=" + name, ns);
  for (const json& slice : slices.items) {
    for (const json& endpoint : at(slice, "/endpoints")) {
      if (text_at(endpoint, "/targetRef/kind") != "Pod" ||
          at(endpoint, "/conditions/ready") == false) {
        continue;
      }
      for (const json& entry : at(slice, "/ports")) {
        if (text_at(entry, "/name") == text_at(port, "/name")) {
          return {ns, text_at(endpoint, "/targetRef/name"),
                  static_cast<int>(integer_at(entry, "/port"))};
        }
      }
    }
  }
  no_pod(what);
}

PodPort behind_selector(Client& client, const std::string& ns, const std::string& selector,
                        const std::string& port, const std::string& what) {
  for (const json& pod : client.list("v1", "Pod", selector, ns).items) {
    if (is_ready(pod)) {
      return {ns, text_at(pod, "/metadata/name"), container_port(pod, port, what)};
    }
  }
  no_pod(what);
}

PodPort behind_service(Client& client, const std::string& ns, const ForwardTarget& target) {
  const std::string what = "service/" + target.service;
  const json service = client.get("v1", "Service", target.service, ns);
  const json port = service_port(service, target.port, what);
  const json& selector = at(service, "/spec/selector");
  if (!selector.is_object() || selector.empty()) {
    return behind_slices(client, ns, target.service, port, what);
  }
  const json& goal = at(port, "/targetPort");
  const std::string name = goal.is_string()           ? goal.get<std::string>()
                           : goal.is_number_integer() ? goal.dump()
                                                      : at(port, "/port").dump();
  return behind_selector(client, ns, selector_text(selector), name, what);
}

}  // namespace

PodPort resolve_target(Client& client, const ForwardTarget& target) {
  const std::string ns = target.ns.empty() ? client.own_namespace() : target.ns;
  if (!target.service.empty()) {
    return behind_service(client, ns, target);
  }
  if (!target.selector.empty()) {
    return behind_selector(client, ns, target.selector, target.port, "pods " + target.selector);
  }
  const std::string what = "pod/" + target.pod;
  const json pod = client.get("v1", "Pod", target.pod, ns);
  return {ns, target.pod, container_port(pod, target.port, what)};
}

PortForward::PortForward(Client& client, ForwardTarget target, Log& log)
    : listener_(std::make_unique<Listener>(client, std::move(target), log)) {}

PortForward::~PortForward() = default;

int PortForward::local_port() const { return listener_->local_port(); }
std::string PortForward::pod() const { return listener_->pod(); }
std::string PortForward::last_error() const { return listener_->last_error(); }

}  // namespace crossover::kube
