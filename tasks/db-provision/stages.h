#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/migration.h"
#include "kube/client.h"

namespace crossover::db_provision {

/// Objects that are applied together and must be ready before the next stage begins.
struct Stage {
  std::string set;  ///< "database", "pooler", "flyway", "api", "check", ...
  std::vector<nlohmann::json> objects;
};

/// Which objects a run is about.
enum class Way {
  out,   ///< the new set
  home,  ///< the original one
};

/// The stages of `way` in order, from the configured sources. Objects of the new set get the
/// temporary label where their template does not give them that key; one with another value is
/// warned of, since clean-up will not find it. `client` null: offline, for --render, without the
/// pooler, whose Secret needs the cluster. Throws as resources::load.
std::vector<Stage> desired_stages(const config::Migration& config, Way way, const std::string& ns,
                                  kube::Client* client, Log& log);

/// Every namespace that the configured sources name, and `ns`, each once.
std::vector<std::string> namespaces_of(const config::Migration& config, const std::string& ns);

}  // namespace crossover::db_provision
