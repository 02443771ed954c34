#include "flyway/local.h"

#include <fmt/format.h>

#include "files/files.h"
#include "process/command.h"

namespace crossover::flyway {

std::string jdbc_url(const postgres::ConnectionOptions& options) {
  const bool forwarded = !options.hostaddr.empty() && options.hostaddr != options.host;
  const std::string mode =
      forwarded && options.sslmode == "verify-full" ? "verify-ca" : options.sslmode;
  std::string url = fmt::format("jdbc:postgresql://{}:{}/{}?sslmode={}",
                                forwarded ? options.hostaddr : options.host, options.port,
                                options.database, mode);
  if (!options.sslrootcert.empty()) {
    url += "&sslrootcert=" + options.sslrootcert;
  }
  return url;
}

void run_local(const config::Flyway& flyway, const std::string& verb,
               const postgres::ConnectionOptions& database, Duration timeout, Log& log,
               const StopRequest& stop) {
  // The authority may be a file in this process's memory, which a Java program can't open.
  const files::TemporaryDirectory scratch;
  postgres::ConnectionOptions reached = database;
  if (!database.sslrootcert.empty()) {
    reached.sslrootcert = (scratch.path() / "ca.crt").string();
    files::write_atomically(reached.sslrootcert, files::read(database.sslrootcert));
  }
  process::Command command;
  for (const std::string& word : flyway.command) {
    command.argv.push_back(word == "migrate" ? verb : word);
  }
  std::string locations;
  for (const std::string& folder : flyway.locations) {
    locations += (locations.empty() ? "filesystem:" : ",filesystem:") + folder;
  }
  command.environment = {{"FLYWAY_URL", jdbc_url(reached)},
                         {"FLYWAY_USER", database.user},
                         {"FLYWAY_TABLE", flyway.history_table},
                         {"FLYWAY_DEFAULT_SCHEMA", flyway.schema}};
  if (!locations.empty()) {
    command.environment.emplace_back("FLYWAY_LOCATIONS", locations);
  }
  command.secret_environment = {{"FLYWAY_PASSWORD", database.password}};
  command.redact_output = true;
  command.timeout = timeout;
  command.stop = &stop;
  command.on_stdout_line = [&](std::string_view line) { log.info("flyway: {}", line); };
  command.on_stderr_line = [&](std::string_view line) { log.warning("flyway: {}", line); };
  process::run_checked(command);
}

}  // namespace crossover::flyway
