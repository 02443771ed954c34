#include "cutover/callers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "cutover/route.h"
#include "kube/list_allowed.h"
#include "kube/object.h"

namespace crossover::cutover {
namespace {

using nlohmann::json;

bool in_a_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
}

// Whether `text` has one of the names as a whole word, as a URL or an address has a host.
bool names_host(const std::string& text, const std::vector<std::string>& names) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && in_a_name(text[end])) {
      ++end;
    }
    const std::string_view word = std::string_view(text).substr(begin, end - begin);
    if (std::ranges::find(names, word) != names.end()) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

std::vector<std::string> names_from(const std::string& service, const std::string& ns,
                                    const std::string& own_namespace) {
  std::vector<std::string> names = {service + "." + ns, service + "." + ns + ".svc",
                                    service + "." + ns + ".svc.cluster.local"};
  if (own_namespace.empty() || own_namespace == ns) {
    names.push_back(service);
  }
  return names;
}

void add_environment(const json& object, const json& pod_spec,
                     const std::vector<std::string>& names, std::vector<Caller>& found) {
  for (const char* list : {"/containers", "/initContainers"}) {
    for (const json& container : kube::at(pod_spec, list)) {
      for (const json& variable : kube::at(container, "/env")) {
        if (names_host(kube::text_at(variable, "/value"), names)) {
          found.push_back({kube::ref_of(object).text(), kube::text_at(variable, "/name")});
        }
      }
    }
  }
}

std::vector<std::string> ingress_services(const json& ingress) {
  std::vector<std::string> services = {kube::text_at(ingress, "/spec/defaultBackend/service/name")};
  for (const json& rule : kube::at(ingress, "/spec/rules")) {
    for (const json& path : kube::at(rule, "/http/paths")) {
      services.push_back(kube::text_at(path, "/backend/service/name"));
    }
  }
  return services;
}

bool leads_to(const json& object, const std::string& service, const std::string& ns) {
  const std::string kind = kube::text_at(object, "/kind");
  const std::string own = kube::text_at(object, "/metadata/namespace");
  if (!own.empty() && own != ns) {
    return false;
  }
  if (kind == "Ingress") {
    const auto services = ingress_services(object);
    return std::ranges::find(services, service) != services.end();
  }
  if (kind != "Route" && kind != "HTTPRoute") {
    return false;
  }
  const auto backends = route_backends(object);
  return std::ranges::any_of(backends, [&](const Backend& backend) {
    return backend.service == service && backend.weight > 0;
  });
}

}  // namespace

std::vector<Caller> callers_of(const std::string& service, const std::string& ns,
                               const std::vector<json>& objects) {
  std::vector<Caller> found;
  for (const json& object : objects) {
    const std::vector<std::string> names =
        names_from(service, ns, kube::text_at(object, "/metadata/namespace"));
    if (leads_to(object, service, ns)) {
      found.push_back({kube::ref_of(object).text(), "backend"});
    } else if (kube::text_at(object, "/kind") == "ConfigMap") {
      for (const auto& [key, value] : kube::at(object, "/data").items()) {
        if (value.is_string() && names_host(value.get<std::string>(), names)) {
          found.push_back({kube::ref_of(object).text(), key});
        }
      }
    } else {
      add_environment(object, kube::at(object, "/spec/template/spec"), names, found);
      add_environment(object, kube::at(object, "/spec/jobTemplate/spec/template/spec"), names,
                      found);
    }
  }
  return found;
}

std::vector<Caller> read_callers(kube::Client& client, const std::string& service,
                                 const std::string& ns, const std::vector<std::string>& except) {
  using Kind = std::pair<const char*, const char*>;
  constexpr std::array<Kind, 9> kinds = {{{"apps/v1", "Deployment"},
                                          {"apps/v1", "StatefulSet"},
                                          {"apps/v1", "DaemonSet"},
                                          {"apps.openshift.io/v1", "DeploymentConfig"},
                                          {"batch/v1", "CronJob"},
                                          {"v1", "ConfigMap"},
                                          {"route.openshift.io/v1", "Route"},
                                          {"gateway.networking.k8s.io/v1", "HTTPRoute"},
                                          {"networking.k8s.io/v1", "Ingress"}}};
  const json behind = client.find({"v1", "Service", ns, service}).value_or(json());
  std::vector<json> objects;
  for (const auto& [api_version, kind] : kinds) {
    for (json& object : kube::list_if_allowed(client, api_version, kind, {}, ns)) {
      const bool is_route = kube::text_at(object, "/kind").ends_with("Route");
      const std::string name = kube::text_at(object, "/metadata/name");
      const bool excepted = is_route && std::ranges::find(except, name) != except.end();
      if (!excepted && !kube::selects(kube::at(behind, "/spec/selector"),
                                      kube::at(object, "/spec/template/metadata/labels"))) {
        objects.push_back(std::move(object));
      }
    }
  }
  return callers_of(service, ns, objects);
}

}  // namespace crossover::cutover
