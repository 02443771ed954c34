#pragma once

#include <string>
#include <vector>

#include "config/route.h"
#include "kube/client.h"

namespace crossover::route_switch {

/// Who in the namespace is known to call the old Service of `route`, "deployment/mailer (API_URL)",
/// parted by commas; empty where nobody is. Those of `routes` that are led away from it do not
/// count.
std::string callers_text(kube::Client& client, const std::vector<config::Route>& routes,
                         const config::Route& route);

}  // namespace crossover::route_switch
