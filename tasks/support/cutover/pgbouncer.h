#pragma once

#include <memory>
#include <string>

#include "cutover/pooler.h"
#include "postgres/connection_options.h"

namespace crossover::cutover {

/// Where an entry of the pooler leads.
struct PoolerTarget {
  std::string host;
  int port = 5432;
  std::string database;

  std::string text() const;
  bool operator==(const PoolerTarget&) const = default;
};

/// How one PgBouncer (1.21 or newer; expelling other administrators needs 1.24) is commanded.
struct PgbouncerOptions {
  std::string name;                       ///< for texts: "registry-pooler-6d9-x2x:5432"
  postgres::ConnectionOptions admin;      ///< the console; its database name is not looked at
  std::string entry;                      ///< the database name that the application asks for
  std::string folder = "/etc/pgbouncer";  ///< of old.ini and new.ini, as PgBouncer sees it
  PoolerTarget old_target;
  PoolerTarget new_target;
  /// Who may use the check entry; without a user it is not tried.
  std::string check_user;
  Secret check_password;
};

/// The name of the entry that always leads to the new database.
std::string check_entry(const std::string& entry);

/// A PgBouncer as `Pooler`. Connects when first used, and again after an error.
std::unique_ptr<Pooler> make_pgbouncer(PgbouncerOptions options);

}  // namespace crossover::cutover
