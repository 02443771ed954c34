#include "data-sync/schema_dump.h"

#include <fmt/format.h>

#include <sstream>

#include "base/error.h"
#include "files/files.h"
#include "kube/exec.h"
#include "kube/port_forward.h"
#include "postgres/endpoint.h"
#include "process/command.h"
#include "resources/step.h"

namespace crossover::data_sync {
namespace {

constexpr auto dump_timeout = std::chrono::minutes(10);
constexpr std::size_t largest_dump = std::size_t{256} << 20U;
constexpr const char* program = "pg_dump";

/// $1 port, $2 user, $3 database. The password comes by stdin: arguments are for everybody to see.
constexpr const char* script = R"(IFS= read -r PGPASSWORD
PGAPPNAME='crossover rehearse'
export PGPASSWORD PGAPPNAME
exec pg_dump --schema-only --no-publications --no-subscriptions --no-password \
  --lock-wait-timeout=10000 --host=127.0.0.1 --port="$1" --username="$2" --dbname="$3"
)";

Error no_dump(const std::string& cause, const std::string& hint) {
  return {ErrorKind::precondition,
          fmt::format("unable to copy the new database's schema: {}", cause), hint};
}

std::string dump_in_pod(const Run& run, const config::Database& database,
                        const postgres::ConnectionOptions& login) {
  const cli::TaskContext& context = run.context();
  kube::Client& client = run.client();
  const kube::PodPort pod = kube::resolve_target(client, {.ns = client.own_namespace(),
                                                          .service = database.service,
                                                          .selector = database.selector,
                                                          .pod = {},
                                                          .port = std::to_string(database.port)});
  kube::ConnectOptions connection = resources::connect_options(context);
  connection.ns = pod.ns;
  kube::ExecRequest request;
  request.pod = pod.pod;
  request.command = {"sh",       "-c",          script, program, std::to_string(pod.port),
                     login.user, login.database};
  request.input = Secret(login.password.reveal() + "\n");
  request.timeout = context.timeout(dump_timeout);
  request.output_limit = largest_dump;
  const kube::ExecOutcome outcome =
      kube::exec(connection, request, context.clock(), context.stop());
  if (outcome.exit_code != 0) {
    throw no_dump(fmt::format("pg_dump in 'pod/{}': exit code {}: {}", pod.pod, outcome.exit_code,
                              outcome.err.substr(0, outcome.err.find_last_not_of('\n') + 1)),
                  "the pod's image must have pg_dump, and its server must let the role in from "
                  "127.0.0.1");
  }
  return outcome.out;
}

void require_new_enough(const postgres::Session& session) {
  constexpr int major = 10000;
  process::Command command;
  command.argv = {program, "--version"};
  std::string text;
  try {
    text = process::run_checked(command).out;
  } catch (const Error& error) {
    throw no_dump(error.message(), "install the client programs of PostgreSQL on this machine");
  }
  const std::size_t digit = text.find_first_of("0123456789");
  const int version = digit == std::string::npos ? 0 : std::atoi(text.c_str() + digit);
  if (version < session.server_version() / major) {
    throw no_dump(fmt::format("pg_dump here is of PostgreSQL {}, the server of {}", version,
                              session.server_version() / major),
                  "put the client programs of the server's version, or a later one, first in PATH");
  }
}

std::string dump_here(const Run& run, const postgres::ConnectionOptions& login) {
  // The authority may be a file in this process's memory.
  const files::TemporaryDirectory scratch;
  process::Command command;
  command.argv = {program,
                  "--schema-only",
                  "--no-publications",
                  "--no-subscriptions",
                  "--no-password",
                  "--lock-wait-timeout=10000"};
  command.environment = {{"PGHOST", login.host},       {"PGPORT", std::to_string(login.port)},
                         {"PGUSER", login.user},       {"PGDATABASE", login.database},
                         {"PGSSLMODE", login.sslmode}, {"PGAPPNAME", "crossover rehearse"}};
  if (!login.hostaddr.empty()) {
    command.environment.emplace_back("PGHOSTADDR", login.hostaddr);
  }
  if (!login.sslrootcert.empty()) {
    const std::filesystem::path file = scratch.path() / "ca.crt";
    files::write_atomically(file, files::read(login.sslrootcert));
    command.environment.emplace_back("PGSSLROOTCERT", file.string());
  }
  command.secret_environment = {{"PGPASSWORD", login.password}};
  command.output_limit = largest_dump;
  command.timeout = run.context().timeout(dump_timeout);
  command.stop = &run.context().stop();
  return process::run_checked(command).out;
}

}  // namespace

std::string dump_schema(const Run& run) {
  const config::Database& database =
      run.config().require(run.config().databases.new_side, "databases.new");
  const postgres::Endpoint endpoint(database, "databases.new", run.endpoint_context());
  if (!database.service.empty() || !database.selector.empty()) {
    return restorable(dump_in_pod(run, database, endpoint.connection_options()));
  }
  require_new_enough(run.at(sync::Side::new_side).open("rehearse"));
  return restorable(dump_here(run, endpoint.connection_options()));
}

std::string restorable(const std::string& dump) {
  if (dump.find("-- PostgreSQL database dump complete") == std::string::npos) {
    throw Error(ErrorKind::failure,
                "unable to copy the new database's schema: pg_dump's output ends half-way");
  }
  constexpr std::string_view restrict = "\\restrict ";
  std::istringstream lines(dump);
  std::string key;
  std::string sql;
  for (std::string line; std::getline(lines, line);) {
    if (key.empty() && line.starts_with(restrict)) {
      key = line.substr(restrict.size());
    } else if (key.empty() || line != "\\unrestrict " + key) {
      sql += line + "\n";
    }
  }
  return sql;
}

}  // namespace crossover::data_sync
