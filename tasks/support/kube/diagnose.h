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
  /// How long it must have lasted to count: some things mend themselves (a restart, a node that
  /// comes, a Secret that is about to be there).
  Duration grace{};
  std::string container;  ///< whose log is wanted
  bool previous = false;  ///< of its last run

  /// "pod/web-1: ImagePullBackOff: <detail>".
  std::string text() const;
};

/// Causes in one pod, init containers first: ImagePullBackOff, ErrImagePull, ErrImageNeverPull,
/// InvalidImageName, CreateContainerConfigError, CreateContainerError, RunContainerError,
/// CrashLoopBackOff (after the second restart), Unschedulable, a failed phase. Pure.
std::vector<Cause> pod_causes(const nlohmann::json& pod);

/// Causes told only by Events (Warning): FailedCreate (quota, limits, admission),
/// ProvisioningFailed, FailedBinding, FailedMount of a missing Secret or ConfigMap. Those from
/// before `since` (RFC 3339, by the server's clock) are of another time. Pure.
std::vector<Cause> event_causes(const std::vector<nlohmann::json>& events,
                                const std::string& since);

/// When the spec of an object was last written, by its managedFields. Pure.
std::string last_written(const nlohmann::json& object);

/// Looks at a workload, its pods (a DeploymentConfig's hook pods too), claims and events, and
/// fetches the log of what failed. Empty: nothing speaks against waiting on. Never throws for what
/// it is not allowed to read.
std::vector<Cause> diagnose(Client& client, const nlohmann::json& object);

}  // namespace crossover::kube
