#include "http/page_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "files/descriptor.h"
#include "http/client.h"

namespace crossover::http {
namespace {

PageServer::Pages pages() {
  return {{"/metrics",
           [] {
             return Page{"text/plain; version=0.0.4", "lag 7\n"};
           }},
          {"/broken", []() -> Page { throw std::runtime_error("secret-canary"); }}};
}

Response ask(const PageServer& server, const std::string& path, const std::string& method = "GET") {
  Request request;
  request.method = method;
  request.url = fmt::format("http://127.0.0.1:{}{}", server.port(), path);
  request.timeout = std::chrono::seconds(10);
  return make_client({.tls = {}, .proxy = "", .use_environment_proxy = false})->send(request);
}

/// A visitor that says `text` and then nothing.
files::Descriptor visit(const PageServer& server, std::string_view text) {
  files::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
  return socket;
}

/// What the server answers until it closes.
std::string rest_of(const files::Descriptor& socket) {
  std::string text;
  std::array<char, 4096> bytes{};
  for (ssize_t size = 0; (size = ::recv(socket.get(), bytes.data(), bytes.size(), 0)) > 0;) {
    text.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return text;
}

std::string error_of(const std::string& address) {
  try {
    const PageServer server(address, {});
    return "none";
  } catch (const Error& error) {
    return fmt::format("{} HINT: {}", error.text(), error.hint());
  }
}

}  // namespace

TEST_CASE("pages are served by their path, and nothing else", "[http]") {
  const PageServer server("127.0.0.1:0", pages());
  const Response page = ask(server, "/metrics?from=test");
  CHECK(page.status == 200);
  CHECK(page.body == "lag 7\n");
  CHECK(*find_header(page.headers, "content-type") == "text/plain; version=0.0.4");
  CHECK(ask(server, "/").status == 404);
  const Response refused = ask(server, "/metrics", "POST");
  CHECK(refused.status == 405);
  CHECK(*find_header(refused.headers, "allow") == "GET, HEAD");
  const Response broken = ask(server, "/broken");
  CHECK(broken.status == 500);
  CHECK(broken.body == "not available\n");
}

TEST_CASE("HEAD has the length of the page and not the page", "[http]") {
  const PageServer server("127.0.0.1:0", pages());
  const std::string answer = rest_of(visit(server, "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(answer.find("Content-Length: 6\r\n") != std::string::npos);
  CHECK(answer.substr(answer.size() - 4) == "\r\n\r\n");
}

TEST_CASE("visitors that say nothing hold nobody up, and are sent away", "[http]") {
  const PageServer server("127.0.0.1:0", pages(), std::chrono::seconds(1));
  std::vector<files::Descriptor> silent;
  for (int i = 0; i < 15; ++i) {
    silent.push_back(visit(server, "GET /metrics HT"));
  }
  CHECK(ask(server, "/metrics").status == 200);
  for (const files::Descriptor& one : silent) {
    CHECK(rest_of(one).empty());  // when its time is over: else this waits for ever
  }
  // A header without an end is not kept.
  CHECK(rest_of(visit(server, "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x'))).empty());
  CHECK(ask(server, "/metrics").status == 200);
}

TEST_CASE("an address that can't be listened at is said", "[http]") {
  for (const std::string bad : {"9187", "localhost:9187", "127.0.0.1:", "127.0.0.1:66000", "::1"}) {
    CHECK(error_of(bad) == fmt::format("unable to listen at '{}': not an address and a port HINT: "
                                       "give it as 127.0.0.1:9187, [::1]:9187, or :9187 for all "
                                       "addresses",
                                       bad));
  }
  const PageServer server("127.0.0.1:0", {});
  const std::string taken = fmt::format("127.0.0.1:{}", server.port());
  CHECK(error_of(taken) == fmt::format("unable to listen at '{}': Address already in use HINT: "
                                       "give another address or port",
                                       taken));
  CHECK(error_of("203.0.113.1:9187") ==
        "unable to listen at '203.0.113.1:9187': Cannot assign requested address HINT: give "
        "another address or port");
}

}  // namespace crossover::http
