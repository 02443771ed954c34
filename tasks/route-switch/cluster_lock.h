#pragma once

#include <memory>

#include "cli/task.h"
#include "kube/client.h"
#include "kube/lease.h"

namespace crossover::route_switch {

/// The migration's Lease, for who holds its advisory locks in the databases. `spare`: where the API
/// server can't be reached, null instead of its error, and a warning. Who moves the database alone
/// asks nothing of the cluster, and those locks keep others out who would move it.
std::unique_ptr<kube::Lease> take_lease(cli::TaskContext& context, kube::Client& client,
                                        bool spare);

}  // namespace crossover::route_switch
