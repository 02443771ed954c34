#pragma once

#include <string>

namespace crossover::config {

/// `pooler`: PgBouncer in front of the new API.
struct Pooler {
  std::string name;   ///< of its Deployment, Service and ConfigMap
  std::string image;  ///< PgBouncer >= 1.21
  int replicas = 1;
  int port = 5432;
  int pool_size = 20;
  int max_client_connections = 500;
  int max_prepared_statements = 200;
  std::string
      tls_secret;  ///< server certificate for the API's side; empty: plain inside the cluster
};

}  // namespace crossover::config
