#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "kube/client.h"

namespace crossover::cutover {

/// How far a Service's pods can take requests now.
struct Capacity {
  std::size_t ready = 0;             ///< addresses that its EndpointSlices call ready
  std::vector<std::string> missing;  ///< pods that are not, "pod/api-1 (reason)"
  /// Replicas that the workloads behind it ask for; empty where no workload is known, as for a
  /// Service whose addresses somebody keeps by hand.
  std::optional<std::size_t> wanted;
  bool external = false;  ///< an ExternalName: nobody in the cluster knows whether it answers
};

/// Of a Service from its EndpointSlices, the pods that its selector means and the workloads of its
/// namespace (Deployment, StatefulSet, DeploymentConfig). An endpoint that says nothing of its
/// readiness is ready, one in slices of two address families counts once (EndpointSlice API,
/// "conditions"). Pure.
Capacity capacity_of(const nlohmann::json& service, const std::vector<nlohmann::json>& slices,
                     const std::vector<nlohmann::json>& pods,
                     const std::vector<nlohmann::json>& workloads);

/// How many ready addresses `to` needs before requests may be led there from `from`: as many as
/// its workloads want, but never more than take the requests now, and at least one. A broken or
/// unknown `from` asks for no more than that one. Pure.
std::size_t needed(const Capacity& to, const Capacity& from);

/// The same, asked of a cluster. What the caller may not list (403) counts as not known, but for
/// the Service and its EndpointSlices.
Capacity read_capacity(kube::Client& client, const std::string& service, const std::string& ns);

/// The same of the pods that bear the labels of a Service's selector, for one that does not lead to
/// them at present.
Capacity read_capacity_of_pods(kube::Client& client, const nlohmann::json& selector,
                               const std::string& ns);

/// What is waited for, and for how long.
struct ReadyWait {
  std::string to;  ///< Service
  /// The labels of the pods that count, where the Service leads elsewhere at present
  /// (service_selector.h); null: the Service's own.
  nlohmann::json selector;
  std::string from;  ///< Service that takes the requests now; empty: all that is wanted is needed
  Duration timeout = std::chrono::minutes(2);
  /// How long enough must have been ready where some were missing at first: a probe that starves on
  /// a busy node comes and goes.
  Duration steady = std::chrono::seconds(2);
  Duration poll = std::chrono::milliseconds(250);
};

/// Waits until enough pods behind a Service are ready, saying in `log` who is waited for when that
/// changes and every 5 s. Returns at once where nothing is missing. Throws Error{timeout}
/// `unable to lead requests to service 'api': 1 of 2 pods are ready after 60 s: pod/api-2 (...)`,
/// Error{precondition} when the Service does not exist.
void await_ready(kube::Client& client, const std::string& ns, const ReadyWait& wait,
                 const Clock& clock, Log& log, const StopRequest& stop);

}  // namespace crossover::cutover
