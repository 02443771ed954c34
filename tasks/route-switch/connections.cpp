#include "route-switch/connections.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "cutover/pooler_config.h"
#include "kube/connect.h"
#include "kube/object.h"
#include "resources/step.h"

namespace crossover::route_switch {
namespace {

using cutover::Pooler;

struct Address {
  std::string host;
  int port = 0;
};

Address parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  try {
    if (colon != std::string::npos && colon > 0) {
      return {text.substr(0, colon), std::stoi(text.substr(colon + 1))};
    }
  } catch (const std::logic_error&) {  // NOLINT(bugprone-empty-catch): said below
  }
  throw Error(ErrorKind::usage,
              fmt::format("unable to use '--pooler {}': it is not HOST:PORT", text));
}

// "a=b,c=d" of a Service's selector; empty where it has none or isn't there.
std::string selector_of(const std::optional<nlohmann::json>& service) {
  std::string text;
  if (service) {
    for (const auto& [key, value] : kube::at(*service, "/spec/selector").items()) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value.get<std::string>());
    }
  }
  return text;
}

}  // namespace

Connections::Connections(cli::TaskContext& context) : context_(context) {
  const config::Migration& config = context.config();
  const config::Database& old_side = config.require(config.databases.old_side, "databases.old");
  const config::Database& new_side = config.require(config.databases.new_side, "databases.new");
  const bool by_pods = context.options().list("pooler").empty();
  if (by_pods || sync::names_cluster(old_side) || sync::names_cluster(new_side) ||
      (!config.routes.empty() && context.verb() != "guard")) {
    client_ = resources::connect(context);
  }
  const postgres::EndpointContext endpoint{client_.get(), context.namespace_name(),
                                           kube::in_cluster(), context.log()};
  databases_ = std::make_unique<sync::ConfiguredDatabases>(old_side, new_side, endpoint);
  // The others are also for when one of them is gone.
  if (context.verb() == "plan" || context.verb() == "switch") {
    databases_->resolve();
  }
}

Connections::~Connections() = default;

cutover::PgbouncerOptions Connections::options_of(const std::string& name, const std::string& host,
                                                  int port) const {
  const config::Migration& config = context_.config();
  const config::Database& old_side = config.require(config.databases.old_side, "databases.old");
  const config::Database& new_side = config.require(config.databases.new_side, "databases.new");
  cutover::PgbouncerOptions options;
  options.name = name;
  options.admin.host = host;
  options.admin.port = port;
  options.admin.user = context_.options().text("pooler-user");
  options.admin.password = context_.options().secret("pooler-password");
  options.admin.sslmode =
      config.pooler && !config.pooler->tls_secret.empty() ? "require" : "disable";
  options.admin.application_name = "crossover route-switch";
  options.entry = context_.options().text("entry");
  if (options.entry.empty()) {
    options.entry = old_side.database;
  }
  options.folder = context_.options().text("pooler-folder");
  options.old_target = cutover::pooler_target(old_side);
  options.new_target = cutover::pooler_target(new_side);
  if (config.databases.application) {
    const postgres::EndpointContext endpoint{client_.get(), context_.namespace_name(),
                                             kube::in_cluster(), context_.log()};
    postgres::Login login =
        postgres::read_login(*config.databases.application, "databases.application", endpoint);
    options.check_user = login.user;
    options.check_password = login.password;
  }
  return options;
}

std::vector<std::unique_ptr<Pooler>> Connections::given_poolers() const {
  std::vector<std::unique_ptr<Pooler>> poolers;
  for (const std::string& text : context_.options().list("pooler")) {
    const Address address = parse_address(text);
    poolers.push_back(cutover::make_pgbouncer(options_of(text, address.host, address.port)));
  }
  return poolers;
}

std::vector<nlohmann::json> Connections::running_pods() const {
  const config::Migration& config = context_.config();
  const std::string selector =
      cutover::pooler_selector(config.require(config.pooler, "pooler").name);
  std::vector<nlohmann::json> running;
  for (auto& pod : client_->list("v1", "Pod", selector, client_->own_namespace()).items) {
    if (kube::text_at(pod, "/status/phase") == "Running" &&
        kube::text_at(pod, "/metadata/deletionTimestamp").empty()) {
      running.push_back(std::move(pod));
    }
  }
  return running;
}

std::vector<std::unique_ptr<Pooler>> Connections::pods() {
  const config::Migration& config = context_.config();
  const config::Pooler& pooler = config.require(config.pooler, "pooler");
  const std::string ns = client_->own_namespace();
  const nlohmann::json secret =
      client_->get("v1", "Secret", cutover::pooler_secret_name(pooler.name), ns);
  const Secret password(kube::secret_value(secret, cutover::pooler_admin_key));
  forwards_.clear();
  std::vector<std::unique_ptr<Pooler>> poolers;
  for (const auto& pod : running_pods()) {
    const std::string name = kube::text_at(pod, "/metadata/name");
    std::string host = kube::text_at(pod, "/status/podIP");
    int port = pooler.port;
    if (!kube::in_cluster()) {
      kube::ForwardTarget target;
      target.ns = ns;
      target.pod = name;
      target.port = std::to_string(pooler.port);
      forwards_.push_back(std::make_unique<kube::PortForward>(*client_, target, context_.log()));
      host = "127.0.0.1";
      port = forwards_.back()->local_port();
    }
    cutover::PgbouncerOptions options = options_of(name, host, port);
    options.admin.user = cutover::pooler_admin;
    options.admin.password = password;
    poolers.push_back(cutover::make_pgbouncer(std::move(options)));
  }
  return poolers;
}

std::vector<std::string> Connections::images(const std::vector<std::string>& services) const {
  std::set<std::string> digests;
  const auto add_pods_of = [&](const std::string& selector) {
    if (selector.empty()) {
      return;
    }
    for (const auto& pod : client_->list("v1", "Pod", selector).items) {
      for (const auto& container : kube::at(pod, "/status/containerStatuses")) {
        const std::string digest = kube::text_at(container, "/imageID");
        if (!digest.empty()) {
          digests.insert(digest);
        }
      }
    }
  };
  if (client_) {
    for (const std::string& service : services) {
      add_pods_of(selector_of(client_->find({"v1", "Service", {}, service})));
    }
    if (context_.options().list("pooler").empty()) {
      const config::Migration& config = context_.config();
      add_pods_of(cutover::pooler_selector(config.require(config.pooler, "pooler").name));
    }
  }
  return {digests.begin(), digests.end()};
}

std::vector<std::string> Connections::running_poolers() const {
  if (!context_.options().list("pooler").empty()) {
    return context_.options().list("pooler");
  }
  std::vector<std::string> names;
  for (const auto& pod : running_pods()) {
    names.push_back(kube::text_at(pod, "/metadata/name"));
  }
  return names;
}

cutover::Fleet Connections::fleet() {
  return cutover::Fleet(context_.options().list("pooler").empty() ? pods() : given_poolers());
}

}  // namespace crossover::route_switch
