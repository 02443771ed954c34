#include "route-switch/door.h"

#include <nlohmann/json.hpp>

#include "kube/object.h"

namespace crossover::route_switch {

Door find_door(const cutover::RouteControl& route, Connections& connections) {
  Door door{route.config().url, route.config().host};
  if (door.host.empty() || door.url.empty()) {
    const auto object = connections.client()->get(route.ref());
    std::string host = kube::text_at(object, "/spec/host");
    if (host.empty()) {
      host = kube::text_at(object, "/spec/hostnames/0");
    }
    door.host = door.host.empty() ? host : door.host;
    door.url = door.url.empty() ? "https://" + host : door.url;
  }
  return door;
}

http::Request request_to(const Door& door, const std::string& path) {
  http::Request request;
  request.url = door.url + path;
  request.headers = {{"Host", door.host}};
  request.timeout = std::chrono::seconds(5);
  request.fresh_connection = true;
  return request;
}

}  // namespace crossover::route_switch
