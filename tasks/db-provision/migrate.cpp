#include "db-provision/migrate.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/retry.h"
#include "flyway/local.h"
#include "kube/connect.h"

namespace crossover::db_provision {

namespace {

/// How long a database that is ready may still refuse: a wrong password would never mend.
constexpr auto settling = std::chrono::minutes(1);
constexpr const char* new_key = "databases.new";

config::Database new_database(const cli::TaskContext& context) {
  return context.config().require(context.config().databases.new_side, new_key);
}

}  // namespace

postgres::EndpointContext reach(const cli::TaskContext& context, kube::Client& client) {
  return {.client = &client,
          .ns = client.own_namespace(),
          .in_cluster = kube::in_cluster(),
          .log = context.log()};
}

std::optional<flyway::History> await_database(cli::TaskContext& context, kube::Client& client,
                                              const config::Provision& provision, Duration budget) {
  std::optional<flyway::History> history;
  const RetryPolicy policy{.budget = std::min<Duration>(budget, settling),
                           .first_pause = std::chrono::milliseconds(500)};
  // A cluster that has just been made has its roles and databases a moment after it answers, and
  // a busy one may not be ready for a moment.
  const auto mends_itself = [&](const Error& error) {
    return error.kind() != ErrorKind::usage && error.kind() != ErrorKind::cancelled &&
           (!provision.external || error.kind() != ErrorKind::precondition);
  };
  retry(context.clock(), context.stop(), policy, mends_itself, [&] {
    const postgres::Endpoint endpoint(new_database(context), new_key, reach(context, client));
    postgres::Session session = endpoint.open("provision");
    history = flyway::read_history(session, provision.flyway);
  });
  return history;
}

void migrate_locally(cli::TaskContext& context, kube::Client& client, Duration timeout) {
  const config::Flyway& flyway = context.config().provision.flyway;
  config::Database database = new_database(context);
  if (flyway.credentials) {
    database.credentials = *flyway.credentials;
  }
  const postgres::Endpoint endpoint(database, new_key, reach(context, client));
  flyway::run_local(flyway, "migrate", endpoint.connection_options(), timeout, context.log(),
                    context.stop());
}

void report_history(cli::TaskContext& context, kube::Client& client,
                    const std::optional<flyway::History>& before, Duration budget) {
  const config::Flyway& flyway = context.config().provision.flyway;
  const std::optional<flyway::History> after =
      await_database(context, client, context.config().provision, budget);
  const std::string table = fmt::format("{}.{}", flyway.schema, flyway.history_table);
  if (!after) {
    if (flyway.runner != config::FlywayRunner::none) {
      throw Error(ErrorKind::failure,
                  fmt::format("unable to migrate the new database: Flyway has left no '{}'", table),
                  "does provision.flyway.runner say how Flyway is run, and do its URL and schema "
                  "lead to this database?");
    }
    return;
  }
  const auto failed = std::ranges::find(*after, false, &flyway::Migration::success);
  if (failed != after->end()) {
    throw Error(ErrorKind::failure,
                fmt::format("unable to migrate the new database: migration '{}' has failed",
                            failed->script),
                "mend it, run 'flyway repair', and run again");
  }
  const auto count = static_cast<std::int64_t>(flyway::applied_since(before, *after));
  const std::string newest = flyway::newest_version(*after);
  if (count > 0) {
    context.result().add_change("database new", "migrated",
                                fmt::format("{} migrations, now at version {}", count, newest));
  }
  context.result().set_metric("migrations_applied", count);
  context.result().add_check(
      "flyway", cli::CheckOutcome::pass,
      fmt::format("{} migrations, newest version {}", after->size(), newest));
}

}  // namespace crossover::db_provision
