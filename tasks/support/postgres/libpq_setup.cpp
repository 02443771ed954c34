#include <array>

#include "base/error.h"
#include "postgres/libpq_connection.h"
#include "postgres/libpq_error.h"
#include "postgres/quote.h"

namespace crossover::postgres {

namespace {

constexpr int oldest_version = 120000;

Error refusal(const Connection& connection, const std::string& cause, const std::string& hint) {
  return {ErrorKind::precondition,
          "unable to use '" + describe(connection.options()) + "': " + cause, hint};
}

// Runs before anything is set: through a pooler our settings would stay in a server connection that
// the application gets next.
void refuse_poolers(Connection& connection) {
  const char* version = PQparameterStatus(connection.get(), "server_version");
  if (version != nullptr && std::string_view(version).find("bouncer") != std::string_view::npos) {
    throw pooler_error(connection.options());  // its administration console
  }
  // A pooler makes up the key data that it sends when a client logs in.
  const Rows pid(connection.execute({.sql = "SELECT pg_catalog.pg_backend_pid()"}));
  if (pid.int64(0, 0) != PQbackendPID(connection.get())) throw pooler_error(connection.options());
}

void add_setting(std::string& sql, std::string_view name, std::string_view value) {
  if (!sql.empty()) sql += "; ";
  sql += "SELECT pg_catalog.set_config(" + quote_literal(name) + ", " + quote_literal(value) +
         ", false)";
}

std::string settings_batch(const ConnectionOptions& options, int version) {
  static constexpr auto everywhere = std::to_array<std::pair<const char*, const char*>>({
      {"statement_timeout", "0"},
      {"lock_timeout", "0"},
      {"idle_in_transaction_session_timeout", "0"},
      {"default_transaction_read_only", "off"},
      {"default_transaction_isolation", "read committed"},
      {"default_transaction_deferrable", "off"},
      {"synchronous_commit", "on"},
      {"search_path", "pg_catalog"},
      {"row_security", "off"},
      {"DateStyle", "ISO, MDY"},
      {"IntervalStyle", "postgres"},
      {"extra_float_digits", "3"},
      {"TimeZone", "UTC"},
      {"bytea_output", "hex"},
      {"xmloption", "content"},
      {"standard_conforming_strings", "on"},
      {"backslash_quote", "safe_encoding"},
      {"client_min_messages", "warning"},
      {"jit", "off"},
      // The server too must notice that we are gone: our locks would stay for hours else.
      {"tcp_keepalives_idle", "5"},
      {"tcp_keepalives_interval", "1"},
      {"tcp_keepalives_count", "5"},
      {"tcp_user_timeout", "5000"},
  });
  std::string sql = "SET ROLE NONE";
  for (const auto& [name, value] : everywhere) add_setting(sql, name, value);
  if (version >= 140000) {
    add_setting(sql, "idle_session_timeout", "0");
    // A backend that waits for a lock notices a dead client only by this.
    add_setting(sql, "client_connection_check_interval", "1s");
  }
  if (version >= 170000) add_setting(sql, "transaction_timeout", "0");
  // A database that asks for no encoding gives out any bytes, but takes only UTF-8 from who says
  // that it speaks UTF-8.
  sql +=
      "; SELECT pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) "
      "WHERE pg_catalog.current_setting('server_encoding') = 'SQL_ASCII'";
  for (const auto& [name, value] : options.settings) add_setting(sql, name, value);
  return sql + "; SELECT pg_catalog.pg_is_in_recovery()";
}

}  // namespace

void set_up(Connection& connection) {
  refuse_poolers(connection);
  const int version = PQserverVersion(connection.get());
  if (version < oldest_version) {
    throw refusal(connection,
                  "PostgreSQL " +
                      std::string(PQparameterStatus(connection.get(), "server_version")) +
                      " is older than 12",
                  "upgrade the server first");
  }
  const Rows rows(connection.execute_batch(settings_batch(connection.options(), version)));
  if (rows.boolean(0, 0) && !connection.options().allow_standby) {
    throw refusal(connection, "it is a standby",
                  "name the primary; with Patroni that is the Service or the pod with role=master");
  }
}

}  // namespace crossover::postgres
