#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "config/kubernetes.h"
#include "kube/client.h"
#include "kube/port_forward.h"

namespace crossover::endpoints {

/// Where a target answers. A Service or pods are reached by a port-forward from outside of the
/// cluster, which lasts as long as this object.
struct Place {
  /// `client` is asked for only when the target is not a URL. Throws Error{precondition} when no
  /// pod is behind it.
  Place(const config::Target& target, const std::function<kube::Client&()>& client, Log& log);

  std::string base_url;     ///< without a slash at the end
  std::string host;         ///< Host header; empty: the URL's
  std::string server_name;  ///< that TLS checks; empty: the URL's
  bool local = false;       ///< reached without the environment's proxy

 private:
  std::unique_ptr<kube::PortForward> forward_;
};

}  // namespace crossover::endpoints
