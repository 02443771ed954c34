#include "seed-verify/place.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/connect.h"
#include "kube/object.h"

namespace crossover::seed_verify {

namespace {

const config::Target& configured(const cli::TaskContext& context, const std::string& target) {
  const config::VerifyTargets& targets = context.config().verify.targets;
  const std::optional<config::Target>& found = target == "check"   ? targets.check
                                               : target == "route" ? targets.route
                                                                   : targets.api;
  return context.config().require(found, "verify.targets." + target);
}

}  // namespace

std::string target_of(const cli::TaskContext& context) {
  const std::string& named = context.options().text("target");
  if (!named.empty()) {
    return named;
  }
  const bool anonymous = context.options().text("phase") == "anonymous";
  return anonymous && context.config().verify.targets.check ? "check" : "api";
}

Place::Place(cli::TaskContext& context, Connections& connections, const std::string& name) {
  const config::Target& target = configured(context, name);
  if (!target.url.empty()) {
    base_url = target.url;
    while (base_url.ends_with('/')) {
      base_url.pop_back();
    }
    host = target.host;
    server_name = target.host;
    return;
  }
  local = true;
  kube::Client& client = connections.client();
  const std::string& ns = client.own_namespace();
  std::string address;
  if (!kube::in_cluster()) {
    forward_ = std::make_unique<kube::PortForward>(
        client,
        kube::ForwardTarget{.ns = ns,
                            .service = target.service,
                            .selector = target.selector,
                            .pod = {},
                            .port = std::to_string(target.port)},
        context.log());
    address = fmt::format("127.0.0.1:{}", forward_->local_port());
  } else if (!target.service.empty()) {
    address = fmt::format("{}.{}.svc:{}", target.service, ns, target.port);
  } else {
    const kube::PodPort pod = kube::resolve_target(client, {.ns = ns,
                                                            .service = {},
                                                            .selector = target.selector,
                                                            .pod = {},
                                                            .port = std::to_string(target.port)});
    address = fmt::format("{}:{}",
                          kube::text_at(client.get("v1", "Pod", pod.pod, pod.ns), "/status/podIP"),
                          pod.port);
  }
  base_url = (target.tls ? "https://" : "http://") + address;
  host = target.host.empty() ? target.service : target.host;
  server_name = host;
}

}  // namespace crossover::seed_verify
