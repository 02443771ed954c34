#include "sync/configured_databases.h"

namespace crossover::sync {

bool names_cluster(const config::Database& database) {
  return !database.service.empty() || !database.selector.empty() ||
         !database.credentials.secret.empty() || !database.tls.ca_secret.empty() ||
         !database.tls.ca_config_map.empty();
}

}  // namespace crossover::sync
