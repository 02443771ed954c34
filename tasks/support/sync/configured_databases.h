#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "config/database.h"
#include "kube/client.h"
#include "postgres/endpoint.h"
#include "sync/database.h"

namespace crossover::sync {

/// A configured database as the engine wants it. What reaching it takes (Secret, Service) is looked
/// for when it is first opened, so that what only the other database is asked for goes on without
/// it. Thread-safe.
class EndpointDatabase final : public Database {
 public:
  /// `key`: where it stands in crossover.yaml, "databases.new". Client and log of `context` must
  /// outlive it.
  EndpointDatabase(config::Database database, std::string key, postgres::EndpointContext context)
      : database_(std::move(database)), key_(std::move(key)), context_(std::move(context)) {}
  /// Throws what postgres::Endpoint throws. Where the cluster lacks what `key` names, the hint
  /// says so.
  postgres::Session open(std::string_view purpose) const override;
  /// The key in crossover.yaml as long as nobody knows more.
  std::string describe() const override;
  /// Looks for it now. Throws like open().
  void resolve() const;

 private:
  const postgres::Endpoint& endpoint() const;

  config::Database database_;
  std::string key_;
  postgres::EndpointContext context_;
  mutable std::mutex mutex_;
  mutable std::optional<postgres::Endpoint> endpoint_;
};

/// Whether reaching a database takes a Kubernetes client: a Service, pods, a Secret or a ConfigMap
/// is named.
bool names_cluster(const config::Database& database);

/// Both databases of `databases` in crossover.yaml. Client and log must outlive it.
class ConfiguredDatabases {
 public:
  ConfiguredDatabases(const config::Database& old_side, const config::Database& new_side,
                      const postgres::EndpointContext& context)
      : old_(old_side, "databases.old", context), new_(new_side, "databases.new", context) {}

  Databases databases() const { return {old_, new_}; }
  /// For who needs both: what is wrong with either is thrown before anything is done. Throws like
  /// EndpointDatabase::open.
  void resolve() const {
    old_.resolve();
    new_.resolve();
  }

 private:
  EndpointDatabase old_;
  EndpointDatabase new_;
};

}  // namespace crossover::sync
