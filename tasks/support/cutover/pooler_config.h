#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/secret.h"
#include "config/database.h"
#include "config/pooler.h"
#include "cutover/pgbouncer.h"

namespace crossover::cutover {

/// Somebody who logs in.
struct PoolerLogin {
  std::string user;
  Secret password;
};

/// One of the two databases as the pods of the pooler reach it.
struct PoolerServer {
  PoolerTarget target;  ///< inside the cluster: "registry-patroni.ns.svc", 5432, "registry"
  config::TlsMode tls = config::TlsMode::verify_full;
  std::string ca_pem;       ///< authority that signed its certificate
  std::string server_name;  ///< checked in place of target.host, by the guard
  PoolerLogin migration;    ///< for the guard
};

/// Everything that the pooler is made of, with secrets resolved.
struct PoolerSpec {
  config::Pooler pooler;
  std::string migration;
  std::string ns;
  std::string image;  ///< of Crossover, for the guard
  std::string entry;  ///< the database name that the application asks for
  PoolerServer old_server;
  PoolerServer new_server;
  PoolerLogin application;
  Secret admin_password;                      ///< of `pooler_admin`, made once and kept
  std::map<std::string, std::string> labels;  ///< on every object, the temporary label among them
};

/// Who may use the administration console.
inline constexpr const char* pooler_admin = "crossover_admin";
/// The Secret that belongs to a pooler, and its key with the password of `pooler_admin`.
std::string pooler_secret_name(const std::string& pooler);
inline constexpr const char* pooler_admin_key = "admin-password";
/// The label by which the pods of a pooler are found, "app.kubernetes.io/name=NAME".
std::string pooler_selector(const std::string& pooler);

/// Where the pooler's entry leads for a configured database: its Service's short name (the pooler
/// is in the same namespace), or the longer one that its certificate is checked for, or its host.
/// PgBouncer checks certificates for the name that it connects to. Throws Error{usage} where
/// neither is given: a pooler looks names up, not pods. Pure.
PoolerTarget pooler_target(const config::Database& database);

/// start.ini, old.ini and new.ini by name. All have the check entry and the rehearsal's, whose
/// database is there only while `data-sync rehearse` runs; start.ini has no entry for the
/// application, so that a pooler that has just started serves nobody until its guard has asked the
/// databases; the other two differ in where that entry leads and in nothing else, or a reload would
/// close connections. Pure.
std::map<std::string, std::string> pooler_files(const PoolerSpec& spec);

/// ConfigMap, Secret, Service, PodDisruptionBudget and Deployment (PgBouncer and its guard), ready
/// to be applied. A change of files or secrets rolls the pods. Pure.
std::vector<nlohmann::json> pooler_objects(const PoolerSpec& spec);

}  // namespace crossover::cutover
