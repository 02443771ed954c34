#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cutover/pooler_config.h"
#include "digest/sha256.h"

namespace crossover::cutover {
namespace {

using nlohmann::json;

json meta(const PoolerSpec& spec, const std::string& name) {
  json labels = {{"app.kubernetes.io/name", spec.pooler.name},
                 {"app.kubernetes.io/part-of", "crossover"}};
  for (const auto& [key, value] : spec.labels) {
    labels[key] = value;
  }
  return {{"name", name}, {"namespace", spec.ns}, {"labels", labels}};
}

json selector(const PoolerSpec& spec) { return {{"app.kubernetes.io/name", spec.pooler.name}}; }

// PgBouncer needs the clear password to log in to a server by SCRAM (PgBouncer manual,
// "Authentication file format").
std::string user_line(const std::string& user, const Secret& password) {
  std::string escaped;
  for (const char c : password.reveal()) {
    escaped += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return fmt::format("\"{}\" \"{}\"\n", user, escaped);
}

json server_config(const PoolerServer& server, const std::string& side) {
  json tls = {{"mode", std::string(config::word(config::tls_modes, server.tls))}};
  if (!server.ca_pem.empty()) {
    tls["caFile"] = fmt::format("/etc/crossover/{}-ca.crt", side);
  }
  if (!server.server_name.empty()) {
    tls["serverName"] = server.server_name;
  }
  return {{"host", server.target.host},
          {"port", server.target.port},
          {"database", server.target.database},
          {"credentials",
           {{"user", server.migration.user},
            {"passwordFile", fmt::format("/etc/crossover-auth/{}-password", side)}}},
          {"tls", tls}};
}

// The guard's crossover.yaml: addresses and files only, so that it needs no API server. JSON is
// YAML.
json guard_config(const PoolerSpec& spec) {
  json pooler = {
      {"name", spec.pooler.name}, {"image", spec.pooler.image}, {"port", spec.pooler.port}};
  if (!spec.pooler.tls_secret.empty()) {
    // PgBouncer asks its administrators for TLS too.
    pooler["tlsSecret"] = spec.pooler.tls_secret;
  }
  return {{"name", spec.migration},
          {"namespace", spec.ns},
          {"databases",
           {{"old", server_config(spec.old_server, "old")},
            {"new", server_config(spec.new_server, "new")}}},
          {"pooler", pooler}};
}

json config_map(const PoolerSpec& spec) {
  json data = pooler_files(spec);
  data["ca.crt"] = spec.old_server.ca_pem + "\n" + spec.new_server.ca_pem;
  data["old-ca.crt"] = spec.old_server.ca_pem;
  data["new-ca.crt"] = spec.new_server.ca_pem;
  data["crossover.yaml"] = guard_config(spec).dump(2) + "\n";
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", meta(spec, spec.pooler.name)},
          {"data", data}};
}

json secret(const PoolerSpec& spec) {
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", meta(spec, pooler_secret_name(spec.pooler.name))},
          {"stringData",
           {{"users.txt", user_line(spec.application.user, spec.application.password) +
                              user_line(pooler_admin, spec.admin_password)},
            {pooler_admin_key, spec.admin_password.reveal()},
            {"old-password", spec.old_server.migration.password.reveal()},
            {"new-password", spec.new_server.migration.password.reveal()}}}};
}

json service(const PoolerSpec& spec) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", meta(spec, spec.pooler.name)},
          {"spec",
           {{"selector", selector(spec)},
            {"ports",
             {{{"name", "postgres"},
               {"port", spec.pooler.port},
               {"protocol", "TCP"},
               {"targetPort", spec.pooler.port}}}}}}};
}

json disruption_budget(const PoolerSpec& spec) {
  return {{"apiVersion", "policy/v1"},
          {"kind", "PodDisruptionBudget"},
          {"metadata", meta(spec, spec.pooler.name)},
          {"spec", {{"maxUnavailable", 0}, {"selector", {{"matchLabels", selector(spec)}}}}}};
}

json restricted() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", {"ALL"}}}}};
}

json pooler_container(const PoolerSpec& spec) {
  json mounts = {{{"name", "config"}, {"mountPath", "/etc/pgbouncer"}, {"readOnly", true}},
                 {{"name", "auth"}, {"mountPath", "/etc/crossover-auth"}, {"readOnly", true}}};
  if (!spec.pooler.tls_secret.empty()) {
    mounts.push_back({{"name", "tls"}, {"mountPath", "/etc/crossover-tls"}, {"readOnly", true}});
  }
  return {
      {"name", "pgbouncer"},
      {"image", spec.pooler.image},
      {"command", {"pgbouncer", "/etc/pgbouncer/start.ini"}},
      {"ports", {{{"name", "postgres"}, {"containerPort", spec.pooler.port}, {"protocol", "TCP"}}}},
      {"volumeMounts", mounts},
      {"resources", {{"requests", {{"cpu", "50m"}, {"memory", "32Mi"}}}}},
      {"securityContext", restricted()}};
}

json guard_container(const PoolerSpec& spec) {
  return {
      {"name", "guard"},
      {"image", spec.image},
      {"command", {"route-switch", "guard", "--config=/etc/crossover/crossover.yaml"}},
      {"env",
       {{{"name", "CROSSOVER_POOLER"}, {"value", fmt::format("127.0.0.1:{}", spec.pooler.port)}},
        {{"name", "CROSSOVER_ENTRY"}, {"value", spec.entry}},
        {{"name", "CROSSOVER_INITIAL_SIDE"}, {"value", "old"}},
        {{"name", "CROSSOVER_POOLER_PASSWORD"},
         {"valueFrom",
          {{"secretKeyRef",
            {{"name", pooler_secret_name(spec.pooler.name)}, {"key", pooler_admin_key}}}}}}}},
      // The pod takes connections only when the guard has told its pooler where it leads.
      {"readinessProbe",
       {{"exec",
         {{"command",
           {"route-switch", "guard", "--check", "--config=/etc/crossover/crossover.yaml"}}}},
        {"periodSeconds", 2},
        {"timeoutSeconds", 5},
        {"failureThreshold", 3}}},
      {"volumeMounts",
       {{{"name", "config"}, {"mountPath", "/etc/crossover"}, {"readOnly", true}},
        {{"name", "auth"}, {"mountPath", "/etc/crossover-auth"}, {"readOnly", true}}}},
      {"resources", {{"requests", {{"cpu", "20m"}, {"memory", "32Mi"}}}}},
      {"securityContext", restricted()}};
}

json volumes(const PoolerSpec& spec) {
  json list = {
      {{"name", "config"}, {"configMap", {{"name", spec.pooler.name}}}},
      {{"name", "auth"}, {"secret", {{"secretName", pooler_secret_name(spec.pooler.name)}}}}};
  if (!spec.pooler.tls_secret.empty()) {
    list.push_back({{"name", "tls"}, {"secret", {{"secretName", spec.pooler.tls_secret}}}});
  }
  return list;
}

json deployment(const PoolerSpec& spec, const std::string& content_sha256) {
  json pod_meta = {{"labels", meta(spec, spec.pooler.name)["labels"]},
                   {"annotations", {{"crossover/content-sha256", content_sha256}}}};
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", meta(spec, spec.pooler.name)},
      {"spec",
       {{"replicas", spec.pooler.replicas},
        {"selector", {{"matchLabels", selector(spec)}}},
        {"strategy",
         {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 0}, {"maxSurge", 1}}}}},
        {"template",
         {{"metadata", pod_meta},
          {"spec",
           {{"containers", {pooler_container(spec), guard_container(spec)}},
            {"volumes", volumes(spec)},
            {"automountServiceAccountToken", false},
            {"securityContext",
             {{"runAsNonRoot", true}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}}}}}}}}};
}

}  // namespace

std::vector<json> pooler_objects(const PoolerSpec& spec) {
  const json map = config_map(spec);
  const json auth = secret(spec);
  const std::string content = digest::sha256(map["data"].dump() + auth["stringData"].dump());
  return {map, auth, service(spec), disruption_budget(spec), deployment(spec, content)};
}

}  // namespace crossover::cutover
