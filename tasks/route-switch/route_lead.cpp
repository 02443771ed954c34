#include "route-switch/route_lead.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/backend_ready.h"

namespace crossover::route_switch {
namespace {

using sync::Side;

constexpr int forbidden = 403;

}  // namespace

RouteLead::RouteLead(cli::TaskContext& context, kube::Client& client, cutover::RouteControl& route)
    : context_(context),
      client_(client),
      route_(route),
      callers_(client, route.config().old_service, route.config().new_service,
               client.own_namespace(), route.config().key) {}

const std::string& RouteLead::service(Side side) const {
  return side == Side::new_side ? route_.config().new_service : route_.config().old_service;
}

// While the pods behind a Route's Service are not ready, the router answers 503 for all of them.
void RouteLead::await_backend(Side to, Duration timeout) {
  const bool forward = to == Side::new_side;
  const bool callers_due = !forward && callers_.moved();
  if ((forward ? route_.leads_to_new() : route_.leads_to_old()) && !callers_due) {
    return;
  }
  cutover::ReadyWait wait;
  wait.to = service(to);
  wait.selector = callers_due ? callers_.previous_selector() : nlohmann::json();
  wait.from = service(sync::other(to));
  wait.timeout = timeout;
  try {
    cutover::await_ready(client_, client_.own_namespace(), wait, context_.clock(), context_.log(),
                         context_.stop());
  } catch (Error& error) {
    if (error.http_status() == forbidden && !forward) {
      context_.log().warning("going back without knowing whether the old API is ready: {}",
                             error.text());
      return;
    }
    if (error.kind() == ErrorKind::timeout) {
      error.set_hint(forward ? "nothing has been changed: see `db-provision status`, and run "
                               "this step again when the pods are ready"
                             : "the service is safe: it runs on the old database through the "
                               "new API; bring the old API up, then run `route-switch "
                               "rollback` again to lead the route there");
    }
    throw;
  }
}

bool RouteLead::old_api_is_ready() {
  const std::string& ns = client_.own_namespace();
  try {
    const cutover::Capacity capacity =
        callers_.moved() ? cutover::read_capacity_of_pods(client_, callers_.previous_selector(), ns)
                         : cutover::read_capacity(client_, service(Side::old_side), ns);
    return capacity.external || capacity.ready > 0;
  } catch (const Error& error) {
    if (error.http_status() == forbidden) {
      return true;
    }
    throw;
  }
}

void RouteLead::lead(Side to) {
  const bool forward = to == Side::new_side;
  if (!forward) {
    put_callers_back();
  }
  if (forward ? route_.lead_to_new() : route_.lead_to_old()) {
    context_.result().add_change(route_.ref().text(), "led",
                                 fmt::format("to service '{}'", service(to)));
  }
  if (forward && route_.config().move_callers && callers_.move()) {
    context_.result().add_change(callers_.ref().text(), "led",
                                 fmt::format("to the pods of service '{}'", service(to)));
  }
}

void RouteLead::put_callers_back() {
  if (callers_.moved() && callers_.put_back()) {
    context_.result().add_change(callers_.ref().text(), "led", "to its own pods again");
  }
}

}  // namespace crossover::route_switch
