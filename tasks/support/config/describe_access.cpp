#include <algorithm>
#include <array>

#include "config/describe.h"

namespace crossover::config {
namespace {

template <typename... Texts>
int set_count(const Texts&... texts) {
  return (0 + ... + (texts.empty() ? 0 : 1));
}

}  // namespace

void describe(Fields& fields, Source& source) {
  fields.path("template", source.template_file, "an OpenShift template file");
  fields.text_map("parameters", source.parameters, "values of the template's parameters");
  fields.paths("parameterFiles", source.parameter_files, "files of NAME=VALUE lines");
  fields.text_map("labels", source.labels, "labels added to every object");
  fields.boolean("ignoreUnknownParameters", source.ignore_unknown_parameters,
                 "accept parameters that the template does not have");
  fields.path("manifests", source.manifests, "a YAML or JSON file, or a folder of them");
  fields.text("namespace", source.namespace_name,
              "where the objects go; default: the migration's namespace");
  fields.rule(set_count(source.template_file, source.manifests) == 1, "",
              "exactly one of 'template' and 'manifests' must be set", "");
  fields.rule(
      source.manifests.empty() || (source.parameters.empty() && source.parameter_files.empty()),
      "manifests", "'manifests' take no parameters", "use 'template' for a template");
}

void describe(Fields& fields, Kubernetes& kubernetes) {
  fields.path("kubeconfig", kubernetes.kubeconfig,
              "path; default: KUBECONFIG, ~/.kube/config or the pod's service account");
  fields.text("context", kubernetes.context, "of the kubeconfig; default: its current one");
}

void describe(Fields& fields, Target& target) {
  fields.text("service", target.service, "a Service of the migration's namespace");
  fields.text("selector", target.selector, "labels of pods, `app=x,role=master`");
  fields.integer("port", target.port, 0, 65535, "of the Service or the pods");
  fields.text("url", target.url, "what stands outside the cluster, or the router's address");
  fields.text("host", target.host, "Host header and server name; default: the URL's");
  fields.boolean("tls", target.tls, "https for a service or selector");
  fields.rule(set_count(target.service, target.selector, target.url) == 1, "",
              "exactly one of 'service', 'selector' and 'url' must be set", "");
  fields.rule(
      target.url.empty() || target.url.starts_with("http://") || target.url.starts_with("https://"),
      "url", "'url' must begin with http:// or https://", "");
  fields.rule(!target.url.empty() || target.port != 0, "port", "'port' is missing", "");
}

void describe(Fields& fields, Tls& tls) {
  fields.choice("mode", tls.mode, tls_modes, "how far the server is verified");
  fields.path("caFile", tls.ca_file, "authorities, PEM; default: the system's");
  fields.text("caSecret", tls.ca_secret, "a Secret that holds them");
  fields.text("caConfigMap", tls.ca_config_map, "a ConfigMap that holds them");
  fields.text("caKey", tls.ca_key, "key in the Secret or ConfigMap");
  fields.text("serverName", tls.server_name, "name to verify; default: host or Service");
  fields.rule(set_count(tls.ca_file, tls.ca_secret, tls.ca_config_map) <= 1, "",
              "at most one of 'caFile', 'caSecret' and 'caConfigMap' can be set", "");
}

void describe(Fields& fields, Credentials& credentials) {
  fields.text("secret", credentials.secret, "a Secret of the migration's namespace");
  fields.text("user", credentials.user, "login role; wins over `userKey`");
  fields.text("userKey", credentials.user_key, "key of the login role in the Secret");
  fields.text("passwordKey", credentials.password_key, "key of the password in the Secret");
  fields.path("passwordFile", credentials.password_file, "a file that holds the password");
  fields.text("passwordEnv", credentials.password_env, "an environment variable that holds it");
  fields.rule(
      set_count(credentials.secret, credentials.password_file, credentials.password_env) <= 1, "",
      "at most one of 'secret', 'passwordFile' and 'passwordEnv' can be set", "");
  fields.rule(credentials.user_key.empty() || !credentials.secret.empty(), "userKey",
              "'userKey' needs 'secret'", "");
}

void describe(Fields& fields, Database& database) {
  fields.text("service", database.service,
              "a Service of the migration's namespace; reached by port-forward from outside");
  fields.text("selector", database.selector, "pods, `app=registry-patroni,role=master`");
  fields.text("host", database.host, "name or address of a server outside the cluster");
  fields.integer("port", database.port, 1, 65535, "of the server");
  fields.path("dsnFile", database.dsn_file,
              "a file that holds a libpq connection string, `service=NAME` too");
  fields.text("dsnEnv", database.dsn_env, "an environment variable that holds one");
  fields.text("database", database.database, "name of the database");
  fields.section("credentials", database.credentials, "who logs in", "Credentials");
  fields.section("tls", database.tls, "how the server is verified", "TLS");
  const bool dsn = !database.dsn_file.empty() || !database.dsn_env.empty();
  fields.rule(
      set_count(database.service, database.selector, database.host, database.dsn_file,
                database.dsn_env) == 1,
      "", "exactly one of 'service', 'selector', 'host', 'dsnFile' and 'dsnEnv' must be set", "");
  fields.rule(dsn || !database.database.empty(), "", "'database' is missing", "");
}

void describe(Fields& fields, Databases& databases) {
  fields.section("old", databases.old_side, "the one that the service runs on at first",
                 "Database");
  fields.section("new", databases.new_side, "the one that Flyway builds", "Database");
  fields.section("application", databases.application, "how the API logs in, for the pooler",
                 "Credentials");
}

}  // namespace crossover::config
