#include "cutover/pooler_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/rehearsal_entry.h"

namespace crossover::cutover {
namespace {

// PgBouncer's configuration has no escape for a quote inside of a value but doubling it.
std::string quoted(const std::string& value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\n' || c == '\r' || c == '\0') {
      throw Error(ErrorKind::usage, "unable to configure the pooler: a value spans lines");
    }
    text += c == '\'' ? std::string("''") : std::string(1, c);
  }
  return text + "'";
}

std::string entry_line(const std::string& name, const PoolerTarget& target) {
  return fmt::format("{} = host={} port={} dbname={}\n", name, quoted(target.host), target.port,
                     quoted(target.database));
}

// On the new database's server, so that it shares its TLS and log-ins.
std::string rehearsal_line(const PoolerSpec& spec) {
  PoolerTarget target = spec.new_server.target;
  target.database = rehearsal_database(spec.migration);
  std::string line = entry_line(rehearsal_entry(spec.entry), target);
  line.insert(line.size() - 1,
              fmt::format(" connect_query={}", quoted(rehearsal_connect_query(spec.migration))));
  return line;
}

// One setting for both servers: the weaker of the two, since a server without TLS can't be
// verified.
std::string_view server_tls(const PoolerSpec& spec) {
  return config::word(config::tls_modes, std::min(spec.old_server.tls, spec.new_server.tls));
}

std::string settings(const PoolerSpec& spec) {
  const config::Pooler& pooler = spec.pooler;
  std::string text = fmt::format(
      "\n[pgbouncer]\n"
      "listen_addr = *\n"
      "listen_port = {}\n"
      "unix_socket_dir =\n"
      "auth_type = scram-sha-256\n"
      "auth_file = /etc/crossover-auth/users.txt\n"
      "admin_users = {}\n"
      "pool_mode = transaction\n"
      "max_prepared_statements = {}\n"
      "max_client_conn = {}\n"
      "default_pool_size = {}\n"
      // Drivers set these at login; the pooler keeps them per client.
      "ignore_startup_parameters = extra_float_digits,options\n"
      // An application's statement may wait for as long as a switch may last, and longer.
      "query_wait_timeout = 120\n"
      // PAUSE breaks off a login to the database that is under way, which counts as a failed one:
      // without this nobody would be served for 15 s after RESUME.
      "server_login_retry = 0.1\n"
      "server_tls_sslmode = {}\n",
      pooler.port, pooler_admin, pooler.max_prepared_statements, pooler.max_client_connections,
      pooler.pool_size, server_tls(spec));
  if (server_tls(spec).starts_with("verify")) {
    text += "server_tls_ca_file = /etc/pgbouncer/ca.crt\n";
  }
  if (!pooler.tls_secret.empty()) {
    text +=
        "client_tls_sslmode = require\n"
        "client_tls_cert_file = /etc/crossover-tls/tls.crt\n"
        "client_tls_key_file = /etc/crossover-tls/tls.key\n";
  }
  return text;
}

}  // namespace

std::string pooler_secret_name(const std::string& pooler) { return pooler + "-auth"; }

std::string pooler_selector(const std::string& pooler) {
  return "app.kubernetes.io/name=" + pooler;
}

PoolerTarget pooler_target(const config::Database& database) {
  if (!database.service.empty()) {
    const std::string& name = database.tls.server_name;
    const bool longer_name = name.starts_with(database.service + ".");
    return {longer_name ? name : database.service, database.port, database.database};
  }
  if (database.host.empty()) {
    throw Error(ErrorKind::usage,
                "unable to lead a pooler to a database that has neither 'service' nor 'host'",
                "give databases.old and databases.new a service: a pooler looks up names");
  }
  return {database.host, database.port, database.database};
}

std::map<std::string, std::string> pooler_files(const PoolerSpec& spec) {
  const std::string head = "[databases]\n" +
                           entry_line(check_entry(spec.entry), spec.new_server.target) +
                           rehearsal_line(spec);
  const std::string tail = settings(spec);
  return {{"start.ini", head + tail},
          {"old.ini", head + entry_line(spec.entry, spec.old_server.target) + tail},
          {"new.ini", head + entry_line(spec.entry, spec.new_server.target) + tail}};
}

}  // namespace crossover::cutover
