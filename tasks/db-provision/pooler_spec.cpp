#include "db-provision/pooler_spec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "document/template.h"
#include "files/files.h"
#include "kube/object.h"
#include "postgres/endpoint.h"
#include "resources/labels.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

constexpr std::size_t password_length = 32;

/// PgBouncer and the guard have one name for connecting and for checking the certificate, so a
/// Service is named as it is elsewhere: by its short name, or by the longer one that the
/// certificate bears.
std::string host_of(const config::Database& database, const std::string& key, Log& log) {
  const std::string& name = database.tls.server_name;
  if (!database.service.empty()) {
    if (name.empty() || name == database.service || name.starts_with(database.service + ".")) {
      return name.empty() ? database.service : name;
    }
    log.warning(
        "the pooler connects to '{}' as '{}': the certificate's name '{}' is not one of its "
        "Service's",
        key, database.service, name);
    return database.service;
  }
  if (!database.host.empty()) {
    return database.host;
  }
  throw Error(
      ErrorKind::usage,
      fmt::format("unable to configure the pooler: '{}' has neither 'service' nor 'host'", key),
      "a pooler needs a name that always leads to the primary");
}

std::string authority(const config::Tls& tls, const std::string& ns, kube::Client& client) {
  if (!tls.ca_file.empty()) {
    return files::read(tls.ca_file);
  }
  if (!tls.ca_secret.empty()) {
    return kube::secret_value(client.get("v1", "Secret", tls.ca_secret, ns), tls.ca_key);
  }
  if (tls.ca_config_map.empty()) {
    return {};
  }
  const json map = client.get("v1", "ConfigMap", tls.ca_config_map, ns);
  const auto data = map.find("data");
  if (data == map.end() || !data->contains(tls.ca_key)) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to read key '{}' of 'configmap/{}': it is not there",
                            tls.ca_key, tls.ca_config_map));
  }
  return data->at(tls.ca_key).get<std::string>();
}

cutover::PoolerLogin login(const config::Credentials& credentials, const std::string& key,
                           const postgres::EndpointContext& context) {
  postgres::Login found = postgres::read_login(credentials, key, context);
  return {std::move(found.user), std::move(found.password)};
}

cutover::PoolerServer server(const config::Database& database, const std::string& key,
                             const std::string& ns, kube::Client& client, Log& log) {
  const postgres::EndpointContext context{
      .client = &client, .ns = ns, .in_cluster = false, .log = log};
  cutover::PoolerServer result;
  result.target = {host_of(database, key, log), database.port, database.database};
  result.tls = database.tls.mode;
  result.ca_pem = authority(database.tls, ns, client);
  result.server_name = database.tls.server_name;
  result.migration = login(database.credentials, key + ".credentials", context);
  if (database.database.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to configure the pooler: '{}' names no database", key),
                fmt::format("set {}.database", key));
  }
  return result;
}

Secret new_password() {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string password;
  while (password.size() < password_length) {
    password += letters[document::secure_random_below(letters.size())];
  }
  return Secret(std::move(password));
}

Secret admin_password(const std::string& pooler, const std::string& ns, kube::Client& client) {
  const std::optional<json> secret =
      client.find({"v1", "Secret", ns, cutover::pooler_secret_name(pooler)});
  if (secret && kube::at(*secret, "/data").contains(cutover::pooler_admin_key)) {
    return Secret(kube::secret_value(*secret, cutover::pooler_admin_key));
  }
  return new_password();
}

}  // namespace

cutover::PoolerSpec pooler_spec(const config::Migration& config, const std::string& ns,
                                kube::Client& client, Log& log) {
  const config::Pooler& pooler = config.require(config.pooler, "pooler");
  const config::Database& old_side = config.require(config.databases.old_side, "databases.old");
  const config::Database& new_side = config.require(config.databases.new_side, "databases.new");
  const config::Credentials& application =
      config.require(config.databases.application, "databases.application");
  cutover::PoolerSpec spec;
  spec.pooler = pooler;
  spec.migration = config.name;
  spec.ns = ns;
  spec.image = config.require(config.image, "image");
  spec.entry = new_side.database;
  spec.old_server = server(old_side, "databases.old", ns, client, log);
  spec.new_server = server(new_side, "databases.new", ns, client, log);
  spec.application = login(application, "databases.application",
                           {.client = &client, .ns = ns, .in_cluster = false, .log = log});
  spec.admin_password = admin_password(pooler.name, ns, client);
  spec.labels = {{std::string(resources::migration_label), config.name},
                 {std::string(resources::part_label), std::string(resources::part_pooler)}};
  if (const std::size_t equals = config.temporary_label.find('='); equals != std::string::npos) {
    spec.labels[config.temporary_label.substr(0, equals)] =
        config.temporary_label.substr(equals + 1);
  }
  return spec;
}

}  // namespace crossover::db_provision
