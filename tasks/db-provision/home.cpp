#include "db-provision/home.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "db-provision/migrate.h"
#include "flyway/history.h"
#include "flyway/local.h"
#include "flyway/validation_job.h"
#include "kube/wait_ready.h"
#include "resources/labels.h"
#include "resources/load.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

constexpr auto gone_timeout = std::chrono::minutes(1);

void validate_by_job(cli::TaskContext& context, kube::Client& client, Duration timeout) {
  const config::Migration& config = context.config();
  const std::string& ns = client.own_namespace();
  std::vector<json> objects =
      resources::load_all(config.provision.home_api, {.ns = ns, .client = &client});
  const json job = flyway::validation_job(
      objects, "crossover-" + config.name + "-validate", ns,
      {{std::string(resources::migration_label), config.name},
       {std::string(resources::part_label), std::string(resources::part_task)}});
  const std::array<kube::Ref, 1> ref{kube::ref_of(job)};
  client.remove(ref.front());
  kube::wait_gone(client, ref, gone_timeout, context.clock(), context.stop());
  client.create(job);
  // On failure the Job stays, for a look at it.
  with_context("flyway validate on the old database", [&] {
    kube::wait_ready(client, std::span(&job, 1), timeout, context.clock(), context.log(),
                     context.stop());
  });
  client.remove(ref.front());
}

void validate_here(cli::TaskContext& context, kube::Client& client, Duration timeout) {
  const config::Flyway& flyway = context.config().provision.flyway;
  config::Database database =
      context.config().require(context.config().databases.old_side, "databases.old");
  if (flyway.credentials) {
    database.credentials = *flyway.credentials;
  }
  const postgres::Endpoint endpoint(database, "databases.old", reach(context, client));
  flyway::run_local(flyway, "validate", endpoint.connection_options(), timeout, context.log(),
                    context.stop());
}

}  // namespace

void adopt_history(cli::TaskContext& context, kube::Client& client, Duration timeout) {
  const config::Migration& config = context.config();
  const config::Database& old_side = config.require(config.databases.old_side, "databases.old");
  const config::Database& new_side = config.require(config.databases.new_side, "databases.new");
  const postgres::Endpoint old_db(old_side, "databases.old", reach(context, client));
  const postgres::Endpoint new_db(new_side, "databases.new", reach(context, client));
  postgres::Session from = new_db.open("adopt-history");
  postgres::Session to = old_db.open("adopt-history");
  const flyway::Adoption adoption = flyway::adopt_history(from, to, config.provision.flyway);
  if (adoption.created || !adoption.added.empty()) {
    context.result().add_change(
        "database old", "adopted Flyway's history",
        fmt::format("{} migrations, newest version {}", adoption.added.size(),
                    flyway::newest_version(adoption.added)));
  }
  if (config.provision.flyway.runner == config::FlywayRunner::local) {
    validate_here(context, client, timeout);
  } else {
    validate_by_job(context, client, timeout);
  }
  context.result().add_check("flyway validate", cli::CheckOutcome::pass,
                             "passes on " + old_db.describe());
}

}  // namespace crossover::db_provision
