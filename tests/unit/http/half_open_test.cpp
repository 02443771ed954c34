// Connections that break without an answer, or go dead without a word.
#include <poll.h>

#include <catch2/catch.hpp>

#include "fixtures/proxy/tcp_proxy.h"
#include "fixtures/servers/scripted_server.h"
#include "http/client.h"
#include "http/websocket.h"
#include "http/websocket_frame.h"

namespace crossover::http {
namespace {

using crossover::testing::ScriptedServer;
using test::TcpProxy;

ClientOptions impatient() {
  ClientOptions options;
  options.tcp_user_timeout = std::chrono::milliseconds(1000);
  return options;
}

/// How long `body` takes.
template <typename Body>
Duration length_of(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::steady_clock::now() - start;
}

/// A server that answers, behind a network.
struct FarServer {
  explicit FarServer(ScriptedServer::Handler handler) : server(std::move(handler)) {}
  Request request(const std::string& method) const {
    Request request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(network.port()) + "/";
    request.body = method == "GET" ? "" : "{}";
    return request;
  }
  ScriptedServer server;
  TcpProxy network{server.port()};
};

std::string upgraded(const ScriptedServer::Request& request) {
  const std::string name = "Sec-WebSocket-Key: ";
  const std::size_t from = request.head.find(name) + name.size();
  const std::string key = request.head.substr(from, request.head.find('\r', from) - from);
  return "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: "
         "p\r\nSec-WebSocket-Accept: " +
         accept_value(key) + "\r\n\r\n";
}

TEST_CASE("what has a body is sent once, though a connection used before breaks under it",
          "[http]") {
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE"}) {
    INFO(method);
    FarServer far([](const ScriptedServer::Request& request) {
      return request.number == 1 ? ScriptedServer::answer(200, "") : std::string();
    });
    const auto client = make_client({});
    client->send(far.request(method));
    const Request second = far.request(method);
    const Outcome outcome = std::move(client->send_all({&second, 1}).front());
    REQUIRE(outcome.error);
    CHECK(outcome.error->kind() == ErrorKind::failure);
    CHECK(outcome.maybe_sent);
    CHECK(far.server.requests().size() == 2);
    CHECK(far.server.requests().back().body == "{}");
  }
}

TEST_CASE("a POST without a body is sent once, too", "[http]") {
  FarServer far([](const ScriptedServer::Request& request) {
    return request.number == 1 ? ScriptedServer::answer(200, "") : std::string();
  });
  const auto client = make_client({});
  client->send(far.request("GET"));
  Request second = far.request("POST");
  second.body.clear();
  CHECK_THROWS_AS(client->send(second), Error);
  CHECK(far.server.requests().size() == 2);
}

TEST_CASE("a half-open connection ends an exchange and a stream in time", "[http]") {
  FarServer far([](const ScriptedServer::Request& request) {
    return request.target == "/stream"
               ? std::string("HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nbegun")
               : ScriptedServer::answer(200, "");
  });
  const auto client = make_client(impatient());
  client->send(far.request("PUT"));
  far.network.swallow();
  CHECK(length_of([&] { CHECK_THROWS_AS(client->send(far.request("PUT")), Error); }) <
        std::chrono::seconds(5));

  Request stream = far.request("GET");
  stream.url += "stream";
  CHECK(length_of([&] {
          CHECK_THROWS_AS(client->stream(
                              stream,
                              [&](std::string_view /*chunk*/) {
                                far.network.swallow();
                                return true;
                              },
                              [] { return true; }),
                          Error);
        }) < std::chrono::seconds(10));
}

TEST_CASE("a half-open WebSocket is broken in time, whether it has something to say or not",
          "[http]") {
  for (const bool speaks : {true, false}) {
    INFO((speaks ? "speaks" : "is silent"));
    FarServer far(upgraded);
    const auto socket = open_websocket(impatient(), far.request("GET"), "p");
    far.network.swallow();
    if (speaks) {
      socket->send("x", "y");
    }
    // As carry_connection waits: without an end of its own.
    pollfd ready{socket->descriptor(), POLLIN, 0};
    CHECK(length_of([&] { CHECK(::poll(&ready, 1, 60000) == 1); }) < std::chrono::seconds(10));
    std::string message;
    CHECK_THROWS_AS(socket->receive(message), Error);
  }
}

}  // namespace
}  // namespace crossover::http
