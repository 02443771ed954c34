#pragma once

#include <array>
#include <optional>
#include <string>

#include "config/named.h"

namespace crossover::config {

/// How far a server is trusted (PostgreSQL manual, libpq, "SSL Support").
enum class TlsMode { disable, require, verify_ca, verify_full };
inline constexpr std::array<Named<TlsMode>, 4> tls_modes{{{"disable", TlsMode::disable},
                                                          {"require", TlsMode::require},
                                                          {"verify-ca", TlsMode::verify_ca},
                                                          {"verify-full", TlsMode::verify_full}}};

/// At most one of `ca_file`, `ca_secret` and `ca_config_map` is set; none: the system's
/// authorities.
struct Tls {
  TlsMode mode = TlsMode::verify_full;  ///< a weaker one is warned of
  std::string ca_file;                  ///< PEM
  std::string ca_secret;                ///< name of a Secret of the migration's namespace
  std::string ca_config_map;            ///< name of a ConfigMap of the migration's namespace
  std::string ca_key = "ca.crt";        ///< in the Secret or ConfigMap
  std::string server_name;              ///< the name to check; empty: host or Service name
};

/// Who logs in. The password is in `secret` (under `password_key`), or in `password_file`, or in
/// the environment variable `password_env`; the user is `user`, or is in `secret` under `user_key`.
/// `user` wins over `user_key`.
struct Credentials {
  std::string secret;
  std::string user;
  std::string user_key;
  std::string password_key = "password";
  std::string password_file;
  std::string password_env;
};

/// One PostgreSQL server and database. Exactly one of `service`, `selector`, `host`, `dsn_file`,
/// `dsn_env` says where it is; with a DSN, credentials, TLS and database may be in it.
struct Database {
  std::string service;   ///< a Service of the migration's namespace; port-forward from outside
  std::string selector;  ///< pods, "app=registry-patroni,role=master"
  std::string host;
  int port = 5432;
  std::string dsn_file;  ///< a file that holds a libpq connection string
  std::string dsn_env;   ///< an environment variable that holds one
  std::string database;
  Credentials credentials;
  Tls tls;
};

/// `databases`. A verb that needs a missing one is refused by Migration::require.
struct Databases {
  std::optional<Database> old_side;        ///< `old`: the one that the service runs on at first
  std::optional<Database> new_side;        ///< `new`: the one built by Flyway
  std::optional<Credentials> application;  ///< how the API logs in; the pooler needs it
};

}  // namespace crossover::config
