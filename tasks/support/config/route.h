#pragma once

#include <array>
#include <string>

#include "config/named.h"

namespace crossover::config {

enum class RouteKind { route, http_route };
inline constexpr std::array<Named<RouteKind>, 2> route_kinds{
    {{"Route", RouteKind::route}, {"HTTPRoute", RouteKind::http_route}}};

/// How an answer shows which API gave it: by a header or by a member of its JSON.
struct Marker {
  std::string path = "/";  ///< what is asked for
  std::string header;      ///< name of a header of the answer
  std::string json;        ///< JSON pointer into the answer; exactly one of the two
  std::string old_value;   ///< `old`
  std::string new_value;   ///< `new`
};

/// `route`, or an entry of `routes`: what leads users to one of the APIs on the database.
struct Route {
  std::string key = "route";  ///< where it stands in the file, for hints: "route", "routes[1]"
  RouteKind kind = RouteKind::route;
  std::string name;
  std::string old_service;
  std::string new_service;
  std::string url;   ///< where the router listens; empty: https://<host of the Route>
  std::string host;  ///< Host header; empty: the Route's
  Marker marker;
  /// Whether the old Service is led to the new API's pods with the route, by its selector.
  bool move_callers = false;
  std::string health;  ///< name of one of verify.endpoints; empty: switch.health.endpoint
  std::string cookie;  ///< name of the router's sticky cookie; empty: as the answers set it
};

}  // namespace crossover::config
