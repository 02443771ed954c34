#pragma once

#include <memory>
#include <string>

#include "cli/task.h"
#include "kube/client.h"
#include "postgres/endpoint.h"
#include "sync/database.h"

namespace crossover::seed_verify {

/// The cluster and the databases of a run, connected to when first asked for: databases that are
/// given by address need no cluster. One thread at a time.
class Connections {
 public:
  /// `context` must outlive it.
  explicit Connections(cli::TaskContext& context) : context_(context) {}

  kube::Client& client();
  /// A session with one of the databases.
  postgres::Session open(sync::Side side);
  /// What people call it.
  std::string describe(sync::Side side) { return endpoint(side).describe(); }

 private:
  postgres::Endpoint& endpoint(sync::Side side);

  cli::TaskContext& context_;
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<postgres::Endpoint> old_;
  std::unique_ptr<postgres::Endpoint> new_;
};

}  // namespace crossover::seed_verify
