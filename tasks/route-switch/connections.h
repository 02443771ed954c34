#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/task.h"
#include "cutover/fleet.h"
#include "cutover/pgbouncer.h"
#include "kube/client.h"
#include "kube/port_forward.h"
#include "sync/configured_databases.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// Everything that the task talks to, made from configuration and options. A cluster is asked only
/// where the configuration names something in it.
class Connections {
 public:
  explicit Connections(cli::TaskContext& context);
  ~Connections();

  sync::Databases databases() const { return databases_->databases(); }
  /// The poolers that are there now: those of --pooler, else the running pods of pooler.name.
  cutover::Fleet fleet();
  /// The names of those that run now, as the fleet's.
  std::vector<std::string> running_poolers() const;
  /// Image digests of the poolers' pods and of the pods behind `services`, each once, in order;
  /// empty without a cluster.
  std::vector<std::string> images(const std::vector<std::string>& services) const;
  /// Null without a cluster.
  kube::Client* client() const { return client_.get(); }

 private:
  cutover::PgbouncerOptions options_of(const std::string& name, const std::string& host,
                                       int port) const;
  std::vector<std::unique_ptr<cutover::Pooler>> given_poolers() const;
  std::vector<nlohmann::json> running_pods() const;
  std::vector<std::unique_ptr<cutover::Pooler>> pods();

  cli::TaskContext& context_;
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<sync::ConfiguredDatabases> databases_;
  std::vector<std::unique_ptr<kube::PortForward>> forwards_;
};

}  // namespace crossover::route_switch
