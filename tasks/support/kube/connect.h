#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/log.h"
#include "kube/client.h"

namespace crossover::kube {

struct ConnectOptions {
  std::string kubeconfig;  ///< one file; empty: $KUBECONFIG (a list), ~/.kube/config, in-cluster
  std::string context;     ///< empty: the current one
  std::string ns;          ///< empty: the context's, the pod's own, "default"
  std::string user_agent = "crossover";
};

/// A client for the cluster that the options, the environment or the pod that we run in point at.
/// Reads files and environment, and sends nothing: an unreachable server shows at first use.
/// Errors: Error{precondition} `unable to read kubeconfig 'FILE': ...`, `unable to use kubeconfig
/// 'FILE': it has no current context` with a hint, and the like.
/// `log` is warned where certificates are not verified, and must outlive the client.
std::unique_ptr<Client> connect(const ConnectOptions& options, Log& log);

/// Whether this process runs in a pod (a service account and KUBERNETES_SERVICE_HOST are there):
/// Services can then be reached by name, without a port-forward.
bool in_cluster();

}  // namespace crossover::kube
