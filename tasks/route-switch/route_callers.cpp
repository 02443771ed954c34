#include "route-switch/route_callers.h"

#include <fmt/format.h>

#include "cutover/callers.h"

namespace crossover::route_switch {

std::string callers_text(kube::Client& client, const std::vector<config::Route>& routes,
                         const config::Route& route) {
  std::vector<std::string> led;
  for (const config::Route& other : routes) {
    if (other.old_service == route.old_service) {
      led.push_back(other.name);
    }
  }
  std::string text;
  for (const cutover::Caller& caller :
       cutover::read_callers(client, route.old_service, client.own_namespace(), led)) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", caller.object, caller.how);
  }
  return text;
}

}  // namespace crossover::route_switch
