#pragma once

#include <memory>
#include <string>

#include "cli/task.h"
#include "kube/port_forward.h"
#include "seed-verify/connections.h"

namespace crossover::seed_verify {

/// The name of the target that is called: --target, else `check` for phase anonymous where it is
/// configured, else `api`.
std::string target_of(const cli::TaskContext& context);

/// Where a target answers. A Service or pods are reached by a port-forward from outside of the
/// cluster, which lasts as long as this object.
struct Place {
  /// Throws Error{usage} when the target is not configured, Error{precondition} when no pod is
  /// behind it.
  Place(cli::TaskContext& context, Connections& connections, const std::string& target);

  std::string base_url;     ///< without a slash at the end
  std::string host;         ///< Host header; empty: the URL's
  std::string server_name;  ///< that TLS checks; empty: the URL's
  bool local = false;       ///< reached without the environment's proxy

 private:
  std::unique_ptr<kube::PortForward> forward_;
};

}  // namespace crossover::seed_verify
