#include "route-switch/cluster_lock.h"

#include "base/error.h"
#include "route-switch/lost_api.h"

namespace crossover::route_switch {

std::unique_ptr<kube::Lease> take_lease(cli::TaskContext& context, kube::Client& client,
                                        bool spare) {
  kube::LeaseOptions options;
  options.migration = context.config().name;
  options.holder = kube::lease_holder("route-switch", context.run_id());
  // Who works under the locks that we hold now is dead when one of these tasks has the Lease.
  options.take_over_if = [](const std::string& holder) {
    return holder.starts_with("data-sync@") || holder.starts_with("route-switch@");
  };
  try {
    return std::make_unique<kube::Lease>(client, options, context.clock(), context.log());
  } catch (const Error& error) {
    if (!spare || !is_lost_api(error, client)) {
      throw;
    }
    context.log().warning("going on without the Lease: {}", error.text());
    return nullptr;
  }
}

}  // namespace crossover::route_switch
