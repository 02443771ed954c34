#pragma once

#include <string>

#include "cutover/route.h"
#include "http/client.h"
#include "route-switch/connections.h"

namespace crossover::route_switch {

/// Where the router is asked for a Route, and as whom.
struct Door {
  std::string url;
  std::string host;
};

/// As crossover.yaml says, the rest as the Route itself has it.
Door find_door(const cutover::RouteControl& route, Connections& connections);

/// A request through it by a connection of its own.
http::Request request_to(const Door& door, const std::string& path);

}  // namespace crossover::route_switch
