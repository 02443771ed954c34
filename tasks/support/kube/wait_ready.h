#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "base/log.h"
#include "kube/client.h"

namespace crossover::kube {

/// Waits until every object is ready (readiness.h), saying in `log` what is waited for when it
/// changes. Ends at once when one has failed, or `diagnose` finds a cause that waiting cannot mend:
/// Error{failure} `unable to bring up 'deployment/web': pod/web-1: ImagePullBackOff: ...`, the log
/// of the failed container in the hint. Error{timeout} `unable to bring up 'deployment/web': 0 of 1
/// replicas are ready after 60 s` otherwise. Objects that are not there yet are waited for.
void wait_ready(Client& client, std::span<const nlohmann::json> objects, Duration timeout,
                const Clock& clock, Log& log, const StopRequest& stop);

}  // namespace crossover::kube
