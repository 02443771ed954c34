#include "endpoints/place.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/connect.h"
#include "kube/object.h"

namespace crossover::endpoints {

Place::Place(const config::Target& target, const std::function<kube::Client&()>& connect,
             Log& log) {
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
  kube::Client& client = connect();
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
        log);
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

}  // namespace crossover::endpoints
