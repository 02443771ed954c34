#include "seed-verify/connections.h"

#include "kube/connect.h"
#include "resources/step.h"
#include "sync/configured_databases.h"

namespace crossover::seed_verify {

kube::Client& Connections::client() {
  if (!client_) {
    client_ = resources::connect(context_);
  }
  return *client_;
}

postgres::Endpoint& Connections::endpoint(sync::Side side) {
  const bool old_side = side == sync::Side::old_side;
  std::unique_ptr<postgres::Endpoint>& endpoint = old_side ? old_ : new_;
  if (!endpoint) {
    const config::Migration& config = context_.config();
    const std::string key = old_side ? "databases.old" : "databases.new";
    const config::Database& database =
        config.require(old_side ? config.databases.old_side : config.databases.new_side, key);
    kube::Client* cluster = sync::names_cluster(database) ? &client() : nullptr;
    endpoint = std::make_unique<postgres::Endpoint>(
        database, key,
        postgres::EndpointContext{
            .client = cluster,
            .ns = cluster == nullptr ? context_.namespace_name() : cluster->own_namespace(),
            .in_cluster = kube::in_cluster(),
            .log = context_.log()});
  }
  return *endpoint;
}

postgres::Session Connections::open(sync::Side side) { return endpoint(side).open("seed-verify"); }

}  // namespace crossover::seed_verify
