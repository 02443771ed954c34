#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/log.h"
#include "kube/client.h"

namespace crossover::kube {

/// Every object in a namespace that bears the label(s), over all kinds that the server lets us list
/// and delete, custom ones included. Objects whose controlling owner is in the list too are left
/// out (they go with it), as are events, endpoints and the like that others make. Ordered so that
/// routes and workloads go first and what they use last. Kinds that we may not list are skipped,
/// each said once in `log`.
std::vector<nlohmann::json> select_all_by_label(Client& client, const std::string& label_selector,
                                                const std::string& ns, Log& log);

/// Deletes them (only if the uid is still the same) and waits until they are gone. Workloads and
/// what leads to them go first, StatefulSets when the pods of the others have ended, and the rest
/// last: a database, Services, network rules, settings and rights are what a pod needs to end well.
/// Returns those that were there.
std::vector<Ref> delete_all(Client& client, const std::vector<nlohmann::json>& objects,
                            Duration timeout, const Clock& clock, Log& log,
                            const StopRequest& stop);

}  // namespace crossover::kube
