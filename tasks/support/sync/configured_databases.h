#pragma once

#include <memory>

#include "base/log.h"
#include "config/database.h"
#include "kube/client.h"
#include "postgres/endpoint.h"
#include "sync/database.h"

namespace crossover::sync {

/// A configured database as the engine wants it.
class EndpointDatabase final : public Database {
 public:
  EndpointDatabase(const config::Database& database, const std::string& key,
                   const postgres::EndpointContext& context)
      : endpoint_(database, key, context) {}
  postgres::Session open(std::string_view purpose) const override {
    return endpoint_.open(purpose);
  }
  std::string describe() const override { return endpoint_.describe(); }

 private:
  postgres::Endpoint endpoint_;
};

/// Whether reaching a database takes a Kubernetes client: a Service, pods, a Secret or a ConfigMap
/// is named.
bool names_cluster(const config::Database& database);

/// Both databases of `databases` in crossover.yaml. Client and log must outlive it.
class ConfiguredDatabases {
 public:
  /// Throws Error{usage} when one is missing, and what postgres::Endpoint throws.
  ConfiguredDatabases(const config::Database& old_side, const config::Database& new_side,
                      const postgres::EndpointContext& context)
      : old_(old_side, "databases.old", context), new_(new_side, "databases.new", context) {}

  Databases databases() const { return {old_, new_}; }

 private:
  EndpointDatabase old_;
  EndpointDatabase new_;
};

}  // namespace crossover::sync
