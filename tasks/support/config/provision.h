#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/database.h"
#include "config/named.h"
#include "config/source.h"

namespace crossover::config {

/// Who runs `flyway migrate`.
enum class FlywayRunner {
  none,            ///< nobody: the schema is made elsewhere
  hook,            ///< the pre-hook of the API's DeploymentConfig
  init_container,  ///< an init container of the API's Deployment
  job,             ///< a Kubernetes Job
  local,           ///< a command on the machine where db-provision runs
};
inline constexpr std::array<Named<FlywayRunner>, 5> flyway_runners{
    {{"none", FlywayRunner::none},
     {"hook", FlywayRunner::hook},
     {"initContainer", FlywayRunner::init_container},
     {"job", FlywayRunner::job},
     {"local", FlywayRunner::local}}};

struct Flyway {
  FlywayRunner runner = FlywayRunner::none;
  std::string workload;     ///< for hook and initContainer: "deploymentconfig/NAME"
  std::vector<Source> job;  ///< for job
  std::vector<std::string> command = {"flyway", "migrate"};  ///< for local
  std::vector<std::string> locations;                        ///< folders of migrations, for local
  std::optional<Credentials> credentials;  ///< for local; empty: those of databases.new
  std::string history_table = "flyway_schema_history";
  std::string schema = "public";
};

/// `provision`: steps 1 and 2.
struct Provision {
  std::vector<Source> database;
  std::vector<Source> api;
  std::vector<Source> check;      ///< the copy of the new API on the pooler's check entry
  std::vector<Source> rehearsal;  ///< the same on its rehearsal entry, for `data-sync rehearse`
  std::vector<Source> stay;       ///< the new API without pooler and temporary label, for `--stay`
  std::vector<Source> home_database;
  std::vector<Source> home_api;
  bool external = false;  ///< the new database is not in this cluster: only Flyway and API are made
  Duration timeout = std::chrono::minutes(10);  ///< until all of it is ready
  Flyway flyway;
  bool check_api = true;  ///< whether `check` is made
};

}  // namespace crossover::config
