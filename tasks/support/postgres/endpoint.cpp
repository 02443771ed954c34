#include "postgres/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "files/files.h"
#include "kube/object.h"
#include "kube/port_forward.h"

namespace crossover::postgres {

namespace {

/// Where Debian and Red Hat keep the certificate authorities of the system; libpq looks there by
/// itself from 16 on only.
constexpr std::array system_authorities{"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt"};

Secret read_dsn(const config::Database& database, const std::string& key) {
  if (!database.dsn_file.empty()) return files::read_secret(database.dsn_file);
  const char* value = std::getenv(database.dsn_env.c_str());
  if (value == nullptr) {
    throw Error(ErrorKind::precondition, "unable to read '" + key +
                                             ".dsnEnv': the environment variable '" +
                                             database.dsn_env + "' is not set");
  }
  return Secret(value);
}

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

/// The first address of a name. libpq would look up the name that TLS checks, which may be another.
std::string resolve(const std::string& host, const std::string& name) {
  if (is_address(host)) return host;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0) {
    Error error(ErrorKind::failure, "unable to connect to '" + name + "': no address for '" + host +
                                        "': " + ::gai_strerror(code));
    throw error.set_sqlstate("08001");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, ::freeaddrinfo);
  std::array<char, NI_MAXHOST> text{};
  ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0,
                NI_NUMERICHOST);
  return text.data();
}

std::string authority_text(const config::Tls& tls, const EndpointContext& context) {
  const bool secret = !tls.ca_secret.empty();
  const std::string& name = secret ? tls.ca_secret : tls.ca_config_map;
  if (context.client == nullptr) {
    throw Error(ErrorKind::precondition,
                "unable to read '" + name + "': no Kubernetes cluster is known");
  }
  const nlohmann::json object =
      context.client->get("v1", secret ? "Secret" : "ConfigMap", name, context.ns);
  if (secret) return kube::secret_value(object, tls.ca_key);
  const auto data = object.find("data");
  if (data == object.end() || !data->contains(tls.ca_key)) {
    throw Error(ErrorKind::precondition, "unable to read key '" + tls.ca_key + "' of 'configmap/" +
                                             name + "': it is not there");
  }
  return data->at(tls.ca_key).get<std::string>();
}

}  // namespace

struct Endpoint::State {
  State(const config::Database& a_database, const EndpointContext& a_context)
      : database(a_database), context(a_context) {}

  config::Database database;
  EndpointContext context;
  ConnectionOptions options;
  std::string origin;
  std::optional<files::MemoryFile> authority;
  std::unique_ptr<kube::PortForward> forward;

  bool in_kubernetes() const { return !database.service.empty() || !database.selector.empty(); }
  kube::ForwardTarget target() const;
  void take_login(const std::string& key);
  void take_address(const std::string& key);
  void take_tls(const std::string& key);
  ConnectionOptions located() const;
};

kube::ForwardTarget Endpoint::State::target() const {
  kube::ForwardTarget target;
  target.ns = context.ns;
  target.service = database.service;
  target.selector = database.selector;
  target.port = std::to_string(database.port);
  return target;
}

void Endpoint::State::take_login(const std::string& key) {
  Login login = read_login(database.credentials, key + ".credentials", context);
  if (!login.user.empty()) options.user = login.user;
  if (!login.origin.empty()) {
    options.password = std::move(login.password);
    origin = login.origin;
  }
  if (options.user.empty()) {
    throw Error(ErrorKind::usage, "unable to use '" + key + "': it names no user",
                "set " + key + ".credentials.user or .userKey");
  }
}

void Endpoint::State::take_address(const std::string& key) {
  if (!database.host.empty()) options.host = database.host;
  const bool dsn = !database.dsn_file.empty() || !database.dsn_env.empty();
  if (!dsn) options.port = database.port;
  if (!database.database.empty()) options.database = database.database;
  if (options.database.empty()) {
    throw Error(ErrorKind::usage, "unable to use '" + key + "': it names no database",
                "set " + key + ".database");
  }
  if (!in_kubernetes()) return;
  if (context.client == nullptr) {
    throw Error(ErrorKind::precondition,
                "unable to use '" + key + "': no Kubernetes cluster is known",
                "name a kubeconfig, or give the database's host instead of a service");
  }
  options.host = database.service.empty() ? database.selector : database.service;
  options.label = options.host + ":" + std::to_string(options.port) + "/" + options.database;
  if (!context.in_cluster) {
    forward = std::make_unique<kube::PortForward>(*context.client, target(), context.log);
  }
}

void Endpoint::State::take_tls(const std::string& key) {
  const config::Tls& tls = database.tls;
  const bool dsn = !database.dsn_file.empty() || !database.dsn_env.empty();
  // In the configuration verify-full is the default too, so it does not overrule a DSN.
  if (!dsn || tls.mode != config::TlsMode::verify_full) {
    options.sslmode = config::word(config::tls_modes, tls.mode);
  }
  if (options.sslmode != "verify-full") {
    context.log.warning("'{}' is not fully verified: its TLS mode is {}",
                        postgres::describe(options), options.sslmode);
  }
  if (options.label.empty()) options.label = postgres::describe(options);
  if (!tls.server_name.empty()) {
    options.host = tls.server_name;
  } else if (!database.selector.empty() && options.sslmode == "verify-full") {
    throw Error(ErrorKind::usage,
                "unable to use '" + key + "': with a selector, TLS has no server name to check",
                "set " + key + ".tls.serverName");
  }
  if (!tls.ca_file.empty()) {
    options.sslrootcert = tls.ca_file;
  } else if (!tls.ca_secret.empty() || !tls.ca_config_map.empty()) {
    authority.emplace("certificate-authority", authority_text(tls, context));
    options.sslrootcert = authority->path();
  } else if (options.sslrootcert.empty() && options.sslmode.starts_with("verify")) {
    for (const char* path : system_authorities) {
      std::error_code none;
      if (!options.sslrootcert.empty() || !std::filesystem::exists(path, none)) continue;
      options.sslrootcert = path;
    }
  }
}

ConnectionOptions Endpoint::State::located() const {
  ConnectionOptions now = options;
  if (forward) {
    now.hostaddr = "127.0.0.1";
    now.port = forward->local_port();
  } else if (!database.service.empty()) {
    const std::string& ns = context.ns.empty() ? context.client->own_namespace() : context.ns;
    now.hostaddr = resolve(database.service + "." + ns + ".svc", options.label);
  } else if (!database.selector.empty()) {
    const kube::PodPort found = kube::resolve_target(*context.client, target());
    const nlohmann::json pod = context.client->get("v1", "Pod", found.pod, found.ns);
    now.hostaddr = kube::text_at(pod, "/status/podIP");
    now.port = found.port;
  } else if (!database.tls.server_name.empty()) {
    now.hostaddr = resolve(database.host.empty() ? options.hostaddr : database.host, options.label);
  }
  return now;
}

Endpoint::Endpoint(const config::Database& database, const std::string& key,
                   const EndpointContext& context)
    : state_(std::make_unique<State>(database, context)) {
  if (!database.dsn_file.empty() || !database.dsn_env.empty()) {
    state_->options = parse_dsn(read_dsn(database, key));
    state_->origin = database.dsn_file.empty() ? "environment variable '" + database.dsn_env + "'"
                                               : "file '" + database.dsn_file + "'";
    if (state_->database.host.empty()) state_->database.host = state_->options.host;
  }
  state_->take_login(key);
  state_->take_address(key);
  state_->take_tls(key);
}

Endpoint::~Endpoint() = default;

Session Endpoint::open(std::string_view purpose,
                       const std::map<std::string, std::string>& settings) const {
  ConnectionOptions options = connection_options();
  options.application_name = "crossover " + std::string(purpose);
  options.settings = settings;
  try {
    return Session(options);
  } catch (Error& error) {
    if (error.sqlstate().starts_with("28") && !state_->origin.empty()) {
      error.set_hint("user '" + options.user + "' and the password come from " + state_->origin);
    } else if (state_->forward && !state_->forward->last_error().empty()) {
      error.set_hint("the port-forward said: " + state_->forward->last_error());
    }
    throw;
  }
}

ConnectionOptions Endpoint::connection_options() const { return state_->located(); }

const std::string& Endpoint::describe() const { return state_->options.label; }

const std::string& Endpoint::credentials_origin() const { return state_->origin; }

}  // namespace crossover::postgres
