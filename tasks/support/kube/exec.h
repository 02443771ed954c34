#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "kube/connect.h"

namespace crossover::kube {

/// A command to run in a container of a pod that runs.
struct ExecRequest {
  std::string pod;
  std::string container;             ///< empty: the pod's only one, or its default
  std::vector<std::string> command;  ///< an argument vector; no shell sees it
  /// Sent to its stdin. Its end cannot be told to the command (v4.channel.k8s.io has no
  /// half-close): a command reads a known number of lines.
  Secret input;
  Duration timeout = std::chrono::minutes(10);
  std::size_t output_limit = std::size_t{4}
                             << 20U;  ///< of each stream; what comes after is dropped
};

struct ExecOutcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

/// Runs it to its end over one WebSocket (subprotocol v4.channel.k8s.io, as `kubectl exec`; RBAC
/// `get` and, from 1.35, `create` on pods/exec). An exit code other than 0 is no error here.
/// Throws Error{failure} `unable to run 'COMMAND' in 'pod/NAME': CAUSE`, Error{timeout} with
/// `no end after 60 s` (the command may go on), Error{precondition} where the server refuses.
ExecOutcome exec(const ConnectOptions& connection, const ExecRequest& request, const Clock& clock,
                 const StopRequest& stop);

/// The exit code that a message of the error channel (a Status object) tells; -1 and `cause` set
/// where the command did not run. Pure.
int exit_code_of(const std::string& status, std::string& cause);

}  // namespace crossover::kube
