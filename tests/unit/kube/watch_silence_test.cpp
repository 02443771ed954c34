// A server that is connected and says nothing any more, as one that hangs behind a load balancer.
#include <atomic>
#include <catch2/catch.hpp>

#include "unit/kube/scripted_api.h"

namespace crossover::kube {

namespace {

using crossover::testing::ScriptedServer;
using testing::client_for;
using testing::discovery_or;

/// The machine's clock, and what a test puts on top.
class LeapingClock final : public Clock {
 public:
  Monotonic now() const override { return system_.now() + std::chrono::minutes(ahead_); }
  Wall wall() const override { return system_.wall(); }
  void sleep(Duration duration) const override { system_.sleep(duration); }
  void leap(int minutes) { ahead_ += minutes; }

 private:
  SystemClock system_;
  std::atomic<int> ahead_{0};
};

}  // namespace

TEST_CASE("a watch that is told nothing, not even a bookmark, is begun anew", "[kube]") {
  LeapingClock clock;
  std::atomic<int> watches{0};
  ScriptedServer server([&](const ScriptedServer::Request& request) {
    return discovery_or(request, [&](const ScriptedServer::Request& other) -> std::string {
      if (other.target.find("watch=1") == std::string::npos) {
        return ScriptedServer::answer(200, R"({"metadata":{"resourceVersion":"5"},"items":[]})");
      }
      if (++watches == 1) {
        clock.leap(4);  // well before timeoutSeconds
        return "HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n";
      }
      return ScriptedServer::answer(
          200, R"({"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":"6"}}})"
               "\n");
    });
  });
  RestClient client = client_for(server.url(), clock);
  std::string told;
  const StopRequest stop;
  CHECK(client.watch("v1", "ConfigMap", {}, std::chrono::minutes(5), stop,
                     [&](const WatchEvent& event) {
                       told = text_at(event.object, "/metadata/name");
                       return false;
                     }));
  CHECK(told == "b");
  CHECK(watches == 2);
  CHECK(server.requests().back().target.find("resourceVersion=5") != std::string::npos);
}

}  // namespace crossover::kube
