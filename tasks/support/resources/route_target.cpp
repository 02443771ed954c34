#include "resources/route_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "kube/client.h"
#include "kube/object.h"

namespace crossover::resources {

namespace {

using nlohmann::json;

void add_backend(const json& backend, std::vector<std::string>& services) {
  constexpr std::int64_t not_zero = 1;
  const std::string name = kube::text_at(backend, "/name");
  if (!name.empty() && kube::integer_at(backend, "/weight", not_zero) > 0) {
    services.push_back(name);
  }
}

kube::Ref ref_of(const config::Route& route, const std::string& ns) {
  const bool openshift = route.kind == config::RouteKind::route;
  return {openshift ? "route.openshift.io/v1" : "gateway.networking.k8s.io/v1",
          openshift ? "Route" : "HTTPRoute", ns, route.name};
}

}  // namespace

std::vector<std::string> services_behind(const json& route) {
  std::vector<std::string> services;
  add_backend(kube::at(route, "/spec/to"), services);
  for (const json& backend : kube::at(route, "/spec/alternateBackends")) {
    add_backend(backend, services);
  }
  for (const json& rule : kube::at(route, "/spec/rules")) {
    for (const json& backend : kube::at(rule, "/backendRefs")) {
      add_backend(backend, services);
    }
  }
  return services;
}

namespace {

void refuse_while_it_leads_to_new(kube::Client& client, const config::Route& configured,
                                  const std::string& ns, std::string_view what) {
  const kube::Ref ref = ref_of(configured, ns);
  const std::optional<json> route =
      client.serves(ref.api_version, ref.kind) ? client.find(ref) : std::nullopt;
  if (!route) {
    return;
  }
  const std::vector<std::string> services = services_behind(*route);
  if (std::ranges::find(services, configured.new_service) != services.end()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to remove '{}': '{}' leads to 'service/{}'", what, ref.text(),
                            configured.new_service),
                "the new API serves requests: roll back or go home first, or keep the new set for "
                "good with the pipeline 'stay'");
  }
}

}  // namespace

void refuse_while_routes_lead_to_new(kube::Client& client, const config::Migration& migration,
                                     const std::string& ns, std::string_view what) {
  for (const config::Route& route : migration.routes) {
    refuse_while_it_leads_to_new(client, route, ns, what);
  }
}

}  // namespace crossover::resources
