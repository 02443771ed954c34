#include <cstdlib>

#include "base/error.h"
#include "files/files.h"
#include "kube/object.h"
#include "postgres/endpoint.h"

namespace crossover::postgres {

namespace {

kube::Client& cluster(const EndpointContext& context, const std::string& key) {
  if (context.client == nullptr) {
    throw Error(ErrorKind::precondition,
                "unable to read '" + key + "': no Kubernetes cluster is known",
                "name a kubeconfig, or give host and credentials without Kubernetes objects");
  }
  return *context.client;
}

nlohmann::json configured_secret(kube::Client& client, const std::string& name,
                                 const std::string& key, const EndpointContext& context) {
  constexpr int not_found = 404;
  try {
    return client.get("v1", "Secret", name, context.ns);
  } catch (Error& error) {
    if (error.http_status() == not_found && error.hint().empty()) {
      error.set_hint("'" + key + ".secret' in the configuration names it");
    }
    throw;
  }
}

Secret environment(const std::string& name, const std::string& key) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    throw Error(ErrorKind::precondition,
                "unable to read '" + key + "': the environment variable '" + name + "' is not set");
  }
  return Secret(value);
}

}  // namespace

Login read_login(const config::Credentials& credentials, const std::string& key,
                 const EndpointContext& context) {
  Login login;
  login.user = credentials.user;
  if (!credentials.secret.empty()) {
    kube::Client& client = cluster(context, key + ".secret");
    const nlohmann::json secret = configured_secret(client, credentials.secret, key, context);
    login.password = Secret(kube::secret_value(secret, credentials.password_key));
    std::string keys = "key '" + credentials.password_key + "'";
    if (login.user.empty() && !credentials.user_key.empty()) {
      login.user = kube::secret_value(secret, credentials.user_key);
      keys = "keys '" + credentials.user_key + "' and '" + credentials.password_key + "'";
    }
    const std::string& ns = context.ns.empty() ? client.own_namespace() : context.ns;
    login.origin = "secret '" + credentials.secret + "' in namespace '" + ns + "', " + keys;
  } else if (!credentials.password_file.empty()) {
    login.password = files::read_secret(credentials.password_file);
    login.origin = "file '" + credentials.password_file + "'";
  } else if (!credentials.password_env.empty()) {
    login.password = environment(credentials.password_env, key + ".passwordEnv");
    login.origin = "environment variable '" + credentials.password_env + "'";
  }
  return login;
}

}  // namespace crossover::postgres
