#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "kube/client.h"

namespace crossover::kube {

/// What a port-forward leads to. Exactly one of service, selector and pod is set.
struct ForwardTarget {
  std::string ns;        ///< empty: the client's own
  std::string service;   ///< by its endpoints, or its selector where it has none
  std::string selector;  ///< label selector; the first ready pod
  std::string pod;
  std::string port;  ///< number or name: of the Service where one is given, else of the pod
};

/// Listens on 127.0.0.1, and carries each connection over a WebSocket of its own to the pod that
/// the target means at that moment, so that a connection made after a failover reaches the new
/// primary. A connection that cannot be carried is closed, and the cause goes to the log and
/// `last_error`. Runs in threads of its own until destroyed. `client` and `log` must outlive it.
class PortForward {
 public:
  /// Resolves once and throws what is wrong with the target: Error{precondition} `unable to forward
  /// to 'service/db': no ready pod is behind it`.
  PortForward(Client& client, ForwardTarget target, Log& log);
  ~PortForward();
  PortForward(const PortForward&) = delete;
  PortForward& operator=(const PortForward&) = delete;

  int local_port() const;
  /// The pod that the last connection went to.
  std::string pod() const;
  /// Text of the last failure, empty when there was none.
  std::string last_error() const;

 private:
  class Listener;
  std::unique_ptr<Listener> listener_;
};

/// The pod and container port behind a target now; the error as above.
struct PodPort {
  std::string ns;
  std::string pod;
  int port = 0;
};
PodPort resolve_target(Client& client, const ForwardTarget& target);

}  // namespace crossover::kube
