#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/migration.h"

namespace crossover::kube {
class Client;
}

namespace crossover::resources {

/// Services that a Route (`spec.to`, `spec.alternateBackends`) or HTTPRoute (`backendRefs` of its
/// rules) sends requests to: those of a weight above 0; no weight is 100 or 1. Pure.
std::vector<std::string> services_behind(const nlohmann::json& route);

/// Throws Error{precondition} `unable to remove 'WHAT': 'route/web' leads to 'service/api-new'`
/// while a configured Route sends requests to its new API. One that is not there is passed over.
void refuse_while_routes_lead_to_new(kube::Client& client, const config::Migration& migration,
                                     const std::string& ns, std::string_view what);

}  // namespace crossover::resources
