#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/secret.h"

namespace crossover::postgres {

/// How to reach one database. Everything that is left empty takes libpq's default
/// (PostgreSQL manual, "Database Connection Control Functions").
struct ConnectionOptions {
  std::string host;      ///< name, address or socket directory; the name that TLS verifies
  std::string hostaddr;  ///< address to connect to instead of resolving `host`
  int port = 5432;
  std::string database;
  std::string user;
  Secret password;
  std::string sslmode = "verify-full";
  std::string sslrootcert;  ///< path of the CA bundle
  std::string sslcert;      ///< path of a client certificate
  std::string sslkey;       ///< path of its key
  std::string application_name = "crossover";
  std::chrono::seconds connect_timeout{10};  ///< for the whole of connecting
  /// How long sent bytes may stay unacknowledged before the connection counts as lost.
  std::chrono::milliseconds tcp_user_timeout{5000};
  /// Server settings that are SET after connecting, over the session's own defaults.
  std::map<std::string, std::string> settings;
  std::string label;  ///< how messages name the database; empty: HOST:PORT/DATABASE
  /// Neither checks nor settings after connecting: for what speaks the protocol and is no server,
  /// as a pooler's administration console, which knows `Session::batch_last` only.
  bool plain = false;
  bool allow_standby = false;  ///< accept a server that is in recovery
};

/// `label`, or "HOST:PORT/DATABASE": how every message names a database.
std::string describe(const ConnectionOptions& options);

/// The same options given as a libpq connection string or URI, parsed by libpq itself: services
/// (manual 34.17), the variables of the environment (34.15) and the password file (34.16) count as
/// they do for psql. TLS is verify-full unless the string names an sslmode, or a service or
/// PGSSLMODE another one than libpq's default, "prefer". Throws Error{usage} for a string that
/// libpq can't read, for a service that is not there and for a parameter that has no place here;
/// never shows the string, which may hold a password. Nothing is connected to.
ConnectionOptions parse_dsn(const Secret& dsn);

}  // namespace crossover::postgres
