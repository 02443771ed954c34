#pragma once

#include "base/clock.h"
#include "cli/task.h"
#include "cutover/route.h"
#include "cutover/service_selector.h"
#include "kube/client.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Leads one Route, and with `moveCallers` those inside the cluster who call the old Service. What
/// it changes stands in the result.
class RouteLead {
 public:
  /// Borrows all.
  RouteLead(cli::TaskContext& context, kube::Client& client, cutover::RouteControl& route);

  /// Waits until enough of the pods of the API of `to` are ready; not at all where nothing has to
  /// be led there. Error{timeout}: nothing of this Route has changed.
  void await_backend(sync::Side to, Duration timeout);
  /// Patches what does not lead there yet: the Route first, then the callers; back in the other
  /// order, the callers whatever the configuration says now.
  void lead(sync::Side to);
  /// Whether the Route leads to the new API because a `switch` led it there, in whichever run.
  bool was_led_to_new() const { return route_.was_led_to_new(); }
  /// Whether a pod of the old API is ready, as far as may be seen.
  bool old_api_is_ready();

  const cutover::RouteControl& route() const { return route_; }

 private:
  const std::string& service(sync::Side side) const;
  void put_callers_back();

  cli::TaskContext& context_;
  kube::Client& client_;
  cutover::RouteControl& route_;
  cutover::ServiceSelector callers_;
};

}  // namespace crossover::route_switch
