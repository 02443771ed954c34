#include "route-switch/lead.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/backend_ready.h"
#include "cutover/service_selector.h"
#include "route-switch/side_effects.h"
#include "route-switch/watch.h"

namespace crossover::route_switch {
namespace {

using sync::Side;

class Lead {
 public:
  Lead(cli::TaskContext& context, Connections& connections, cutover::RouteControl& route, Side to)
      : context_(context),
        client_(*connections.client()),
        config_(context.config().require(context.config().route, "route")),
        route_(route),
        forward_(to == Side::new_side),
        callers_(client_, config_.old_service, config_.new_service, client_.own_namespace()) {}

  void run() {
    await_backend();
    if (!forward_) {
      put_callers_back();
    }
    if (forward_ ? route_.lead_to_new() : route_.lead_to_old()) {
      context_.result().add_change(route_.ref().text(), "led",
                                   fmt::format("to service '{}'", service_to()));
    }
    if (forward_ && config_.move_callers && callers_.move()) {
      context_.result().add_change(callers_.ref().text(), "led",
                                   fmt::format("to the pods of service '{}'", service_to()));
    }
    apply_side_effects(context_, client_, forward_ ? Side::new_side : Side::old_side);
  }

 private:
  const std::string& service_to() const {
    return forward_ ? config_.new_service : config_.old_service;
  }

  // While the pods behind a Route's Service are not ready, the router answers 503 for all of them.
  void await_backend() {
    const bool callers_due = !forward_ && callers_.moved();
    if ((forward_ ? route_.leads_to_new() : route_.leads_to_old()) && !callers_due) {
      return;
    }
    cutover::ReadyWait wait;
    wait.to = service_to();
    wait.selector = callers_due ? callers_.previous_selector() : nlohmann::json();
    wait.from = forward_ ? config_.old_service : config_.new_service;
    wait.timeout = context_.config().cutover.ready_timeout;
    try {
      cutover::await_ready(client_, client_.own_namespace(), wait, context_.clock(), context_.log(),
                           context_.stop());
    } catch (Error& error) {
      constexpr int forbidden = 403;
      if (error.http_status() == forbidden && !forward_) {
        context_.log().warning("going back without knowing whether the old API is ready: {}",
                               error.text());
        return;
      }
      if (error.kind() == ErrorKind::timeout) {
        error.set_hint(forward_ ? "nothing has been changed: see `db-provision status`, and run "
                                  "this step again when the pods are ready"
                                : "the service is safe: it runs on the old database through the "
                                  "new API; bring the old API up, then run `route-switch "
                                  "rollback` again to lead the route there");
      }
      throw;
    }
  }

  // Whatever the configuration says now: what was moved goes back.
  void put_callers_back() {
    if (callers_.moved() && callers_.put_back()) {
      context_.result().add_change(callers_.ref().text(), "led", "to its own pods again");
    }
  }

  cli::TaskContext& context_;
  kube::Client& client_;
  const config::Route& config_;
  cutover::RouteControl& route_;
  bool forward_;
  cutover::ServiceSelector callers_;
};

}  // namespace

void lead_users(cli::TaskContext& context, Connections& connections, cutover::RouteControl& route,
                Side to) {
  context.phase("route", [&] {
    Lead(context, connections, route, to).run();
    await_uptake(context, connections, to);
  });
}

}  // namespace crossover::route_switch
