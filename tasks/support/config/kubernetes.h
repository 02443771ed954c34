#pragma once

#include <string>

namespace crossover::config {

/// How the cluster is reached. Both empty: the usual rules (KUBECONFIG, ~/.kube/config, the pod's
/// service account).
struct Kubernetes {
  std::string kubeconfig;  ///< path; --kubeconfig wins
  std::string context;     ///< --context wins
};

/// Something that answers on a port. Exactly one of `service`, `selector` and `url` is set.
struct Target {
  std::string service;   ///< name of a Service in the migration's namespace
  std::string selector;  ///< labels of pods, "app=x,role=master"
  int port = 0;          ///< of the Service or of the pods
  std::string url;       ///< "http://10.99.0.2" or "https://..."; for what stands outside
  std::string host;      ///< Host header and server name, where they differ from the URL's
  bool tls = false;      ///< https where the target is a service or a selector
};

}  // namespace crossover::config
