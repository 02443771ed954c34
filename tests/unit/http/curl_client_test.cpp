#include <catch2/catch.hpp>
#include <thread>

#include "fixtures/servers/scripted_server.h"
#include "http/client.h"

namespace crossover::http {

namespace {

using crossover::testing::ScriptedServer;
using Received = ScriptedServer::Request;

Request request_for(const std::string& url) {
  Request request;
  request.url = url;
  return request;
}

std::string text_of(const Outcome& outcome) {
  return outcome.error ? outcome.error->message() : outcome.response.body;
}

}  // namespace

TEST_CASE("outcomes stand in the order of their requests, errors among them", "[http]") {
  ScriptedServer server([](const Received& request) {
    return ScriptedServer::answer(request.target == "/3" ? 404 : 200, request.target,
                                  "X-Version: v1\r\n");
  });
  ClientOptions options;
  options.connections_per_host = 4;
  const std::unique_ptr<Client> client = make_client(options);
  std::vector<Request> requests;
  for (int index = 0; index < 20; ++index) {
    requests.push_back(request_for(server.url() + "/" + std::to_string(index)));
  }
  requests[7].url = "http://127.0.0.1:1/";
  const std::vector<Outcome> outcomes = client->send_all(requests);
  for (std::size_t index = 0; index < outcomes.size(); ++index) {
    const std::string expected = index == 7
                                     ? "unable to reach 'http://127.0.0.1:1': connection refused"
                                     : "/" + std::to_string(index);
    CHECK(text_of(outcomes[index]) == expected);
  }
  CHECK(outcomes[3].response.status == 404);
  CHECK(*outcomes[3].response.header("x-version") == "v1");
  CHECK_FALSE(outcomes[7].maybe_sent);
  CHECK(outcomes[0].response.latency > Duration::zero());
}

TEST_CASE("a request can go to another address than its URL's and keeps its Host", "[http]") {
  ScriptedServer server([](const Received& request) {
    return ScriptedServer::answer(
        200, request.head.find("Host: registry.example\r\n") == std::string::npos ? "no" : "yes");
  });
  Request request = request_for("http://registry.example/health");
  request.connect_to = "127.0.0.1:" + std::to_string(server.port());
  CHECK(make_client({})->send(request).body == "yes");
}

TEST_CASE("redirects are answers, bodies are sent, the bearer is a header", "[http]") {
  ScriptedServer server([](const Received& request) {
    return ScriptedServer::answer(302, request.method + request.body, "Location: /elsewhere\r\n");
  });
  Request request = request_for(server.url());
  request.method = "PUT";
  request.body = "{}";
  request.bearer = Secret("token");
  const Response response = make_client({})->send(request);
  CHECK(response.status == 302);
  CHECK(response.body == "PUT{}");
  CHECK(server.requests().size() == 1);
  CHECK(server.requests()[0].head.find("Authorization: Bearer token\r\n") != std::string::npos);
}

TEST_CASE("limits end an exchange with an error that says which", "[http]") {
  std::atomic<bool> over{false};
  ScriptedServer server([&](const Received& request) -> std::string {
    while (request.target == "/slow" && !over) {
      std::this_thread::yield();
    }
    return ScriptedServer::answer(200, std::string(1000, 'x'));
  });
  const std::unique_ptr<Client> client = make_client({});
  Request slow = request_for(server.url() + "/slow");
  slow.timeout = std::chrono::milliseconds(200);
  Request large = request_for(server.url() + "/large");
  large.body_limit = 100;
  const std::vector<Outcome> late = client->send_all({&slow, 1});
  over = true;
  REQUIRE(late[0].error);
  CHECK(late[0].error->kind() == ErrorKind::timeout);
  CHECK(late[0].error->message() ==
        "unable to reach '" + server.url() + "': no answer within 0.2 s");
  CHECK(late[0].maybe_sent);
  const std::vector<Outcome> outcomes = client->send_all({&large, 1});
  CHECK(text_of(outcomes[0]) ==
        "unable to reach '" + server.url() + "': the answer is longer than 100 bytes");
}

TEST_CASE("a stream ends when its reader has enough, and passes its errors on", "[http]") {
  ScriptedServer server(
      [](const Received&) { return "HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\nfirst"; });
  const std::unique_ptr<Client> client = make_client({});
  std::string got;
  const Response response = client->stream(
      request_for(server.url()),
      [&](std::string_view chunk) {
        got += chunk;
        return false;
      },
      [] { return true; });
  CHECK(response.status == 200);
  CHECK(got == "first");
  CHECK_THROWS_AS(
      client->stream(
          request_for(server.url()),
          [](std::string_view) -> bool { throw std::out_of_range("mine"); }, [] { return true; }),
      std::out_of_range);
}

}  // namespace crossover::http
