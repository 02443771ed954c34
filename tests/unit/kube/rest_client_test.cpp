#include <catch2/catch.hpp>
#include <fstream>

#include "fixtures/error_of.h"
#include "unit/kube/scripted_api.h"

namespace crossover::kube {

namespace {

using crossover::testing::ScriptedServer;
using Request = ScriptedServer::Request;
using test::error_of;
using testing::client_for;
using testing::discovery_or;

const Ref ref{"v1", "ConfigMap", {}, "a"};

}  // namespace

TEST_CASE("429 and 503 are tried again as Retry-After says", "[kube]") {
  std::atomic<int> tries{0};
  ScriptedServer server([&](const Request& request) {
    return discovery_or(request, [&](const Request&) {
      ++tries;
      return tries < 3 ? ScriptedServer::answer(tries == 1 ? 429 : 503, "", "Retry-After: 0\r\n")
                       : ScriptedServer::answer(200, R"({"kind":"ConfigMap"})");
    });
  });
  RestClient client = client_for(server.url());
  CHECK(client.get(ref)["kind"] == "ConfigMap");
  CHECK(tries == 3);
}

TEST_CASE("a create whose fate is unknown is not sent again, a read is", "[kube]") {
  std::atomic<int> posts{0};
  std::atomic<int> gets{0};
  ScriptedServer server([&](const Request& request) {
    return discovery_or(request, [&](const Request& other) -> std::string {
      if (other.method == "POST") {
        ++posts;
        return "HTTP/1.1 200 X\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf";
      }
      return ++gets == 1 ? "HTTP/1.1 200 X\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"
                         : ScriptedServer::answer(200, "{}");
    });
  });
  RestClient client = client_for(server.url());
  CHECK_THROWS_AS(
      client.create({{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "a"}}}}),
      Error);
  CHECK(posts == 1);
  CHECK(client.get(ref).is_object());
  CHECK(gets == 2);
}

TEST_CASE("a refusal of the credentials says whose they are and never what", "[kube]") {
  ScriptedServer server([](const Request&) { return ScriptedServer::answer(401, "{}"); });
  RestClient client = client_for(server.url());
  const Error error = error_of([&] { client.get(ref); });
  CHECK(error.message() ==
        "unable to discover 'kinds': the server does not accept our credentials");
  CHECK(error.hint() == "those of context 'c' have expired or are wrong: log in again");
  CHECK(error.http_status() == 401);
}

TEST_CASE("a missing right is told in the server's words, with whose it is", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return discovery_or(request, [](const Request&) {
      return ScriptedServer::answer(
          403, R"({"message":"configmaps \"a\" is forbidden: User \"eve\" cannot get it"})");
    });
  });
  RestClient client = client_for(server.url());
  const Error error = error_of([&] { client.get(ref); });
  CHECK(error.message() ==
        "unable to read 'configmap/a': configmaps \"a\" is forbidden: User \"eve\" cannot get it");
  CHECK(error.hint() ==
        "context 'c' lacks this right: have a Role that grants it bound to its account, then run "
        "again");
  CHECK(error.http_status() == 403);
}

TEST_CASE("a token file is read again after a 401", "[kube]") {
  ScriptedServer server([](const Request& request) {
    if (request.head.find("Bearer new") == std::string::npos) {
      return ScriptedServer::answer(401, "{}");
    }
    return discovery_or(request, [](const Request&) { return ScriptedServer::answer(200, "{}"); });
  });
  std::string file = (std::filesystem::temp_directory_path() / "token-XXXXXX").string();
  ::close(::mkstemp(file.data()));
  std::ofstream(file) << "old\n";
  const SystemClock clock;
  Access access;
  access.server = server.url();
  access.ns = "n";
  access.token_file = file;
  RestClient client(access, {}, clock);
  CHECK_THROWS_AS(client.get(ref), Error);
  std::ofstream(file) << "new\n";
  CHECK(client.get(ref).is_object());
  std::filesystem::remove(file);
}

TEST_CASE("a list whose pages have expired starts again in one piece", "[kube]") {
  ScriptedServer server([](const Request& request) {
    return discovery_or(request, [](const Request& other) {
      if (other.target.find("continue=") != std::string::npos) {
        return ScriptedServer::answer(410, "{}");
      }
      const bool paged = other.target.find("limit=") != std::string::npos;
      return ScriptedServer::answer(
          200, paged ? R"({"metadata":{"continue":"x"},"items":[{"metadata":{"name":"a"}}]})"
                     : R"({"metadata":{"resourceVersion":"9"},"items":[{},{}]})");
    });
  });
  RestClient client = client_for(server.url());
  const List list = client.list("v1", "ConfigMap", ListOptions{});
  CHECK(list.items.size() == 2);
  CHECK(list.items[0]["kind"] == "ConfigMap");
  CHECK(list.resource_version == "9");
}

TEST_CASE("a watch whose version is forgotten lists again, told in either way", "[kube]") {
  const bool in_stream = GENERATE(true, false);
  std::atomic<int> watches{0};
  ScriptedServer server([&](const Request& request) {
    return discovery_or(request, [&](const Request& other) {
      if (other.target.find("watch=1") == std::string::npos) {
        return ScriptedServer::answer(
            200, R"({"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a"}}]})");
      }
      if (++watches > 1) {
        return ScriptedServer::answer(
            200, R"({"type":"MODIFIED","object":{"metadata":{"name":"b","resourceVersion":"6"}}})"
                 "\n");
      }
      return in_stream ? ScriptedServer::answer(
                             200, R"({"type":"ERROR","object":{"kind":"Status","code":410}})"
                                  "\n")
                       : ScriptedServer::answer(410, "{}");
    });
  });
  RestClient client = client_for(server.url());
  std::string told;
  const StopRequest stop;
  CHECK(client.watch(
      "v1", "ConfigMap", {}, std::chrono::seconds(10), stop, [&](const WatchEvent& event) {
        told += event.type == WatchType::relisted ? "relisted "
                                                  : text_at(event.object, "/metadata/name") + " ";
        return event.type != WatchType::modified;
      }));
  CHECK(told == "a relisted a b ");
}

TEST_CASE("a server that is not there is told at once", "[kube]") {
  int port = 0;
  {
    port = ScriptedServer([](const Request&) { return ""; }).port();
  }
  RestClient client = client_for("http://127.0.0.1:" + std::to_string(port));
  CHECK(error_of([&] { client.get(ref); }).message() ==
        "unable to reach 'http://127.0.0.1:" + std::to_string(port) + "': connection refused");
}

}  // namespace crossover::kube
