#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kube/client.h"

namespace crossover::kube {

/// Why a workload will not get ready by waiting.
struct Cause {
  std::string object;  ///< "pod/web-1"
  std::string reason;  ///< "ImagePullBackOff"
  std::string detail;  ///< the server's words
  std::string log;     ///< last lines of the container that failed, where there is one
  /// Such a thing may still mend itself (a crash that is restarted, a pod that no node takes yet);
  /// it counts once it has lasted.
  bool may_pass = false;
  std::string container;  ///< whose log is wanted
  bool previous = false;  ///< of its last run

  /// "pod/web-1: ImagePullBackOff: <detail>".
  std::string text() const;
};

/// Causes in one pod, init containers first: ImagePullBackOff, ErrImagePull, ErrImageNeverPull,
/// InvalidImageName, CreateContainerConfigError, CreateContainerError, CrashLoopBackOff (after two
/// restarts), Unschedulable, a failed phase. Pure.
std::vector<Cause> pod_causes(const nlohmann::json& pod);

/// Causes told only by Events (Warning): FailedCreate (quota, limits, admission),
/// ProvisioningFailed, FailedMount of a missing Secret or ConfigMap, FailedBinding. Pure.
std::vector<Cause> event_causes(const std::vector<nlohmann::json>& events);

/// Looks at a workload, its pods (a DeploymentConfig's hook pods too), claims and events, and
/// fetches the log of what failed. Empty: nothing speaks against waiting on. Never throws for what
/// it is not allowed to read.
std::vector<Cause> diagnose(Client& client, const nlohmann::json& object);

}  // namespace crossover::kube
