#pragma once

#include <functional>
#include <string>

#include "fixtures/servers/scripted_server.h"
#include "kube/rest_client.h"

namespace crossover::kube::testing {

inline constexpr const char* core_kinds = R"({"groupVersion":"v1","resources":[
  {"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get","list"]}]})";

/// Old-fashioned discovery of ConfigMap alone, then whatever the test says.
inline std::string discovery_or(
    const crossover::testing::ScriptedServer::Request& request,
    const std::function<std::string(const crossover::testing::ScriptedServer::Request&)>& rest) {
  using crossover::testing::ScriptedServer;
  if (request.target == "/api") {
    return ScriptedServer::answer(200, R"({"kind":"APIVersions","versions":["v1"]})");
  }
  if (request.target == "/apis") {
    return ScriptedServer::answer(200, R"({"kind":"APIGroupList","groups":[]})");
  }
  if (request.target == "/api/v1") {
    return ScriptedServer::answer(200, core_kinds);
  }
  return rest(request);
}

/// `parallel`: with 1 the requests arrive in the order in which they are sent.
inline RestClient client_for(const std::string& server, const Clock& clock,
                             std::size_t parallel = http::ClientOptions{}.parallel) {
  Access access;
  access.server = server;
  access.ns = "n";
  access.source = "context 'c'";
  access.token = Secret("canary");
  return {access, Transport::Settings{std::chrono::seconds(5), "test", parallel}, clock};
}

inline RestClient client_for(const std::string& server) {
  static const SystemClock clock;
  return client_for(server, clock);
}

}  // namespace crossover::kube::testing
