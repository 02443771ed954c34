#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "fixtures/proxy/tcp_proxy.h"
#include "integration/cutover/driver.h"

namespace crossover::test {

/// A service with networks between all its parts.
struct Networks {
  Service service{1};
  TcpProxy console{service.pooler(0).port()};
  TcpProxy old_network{service.server(Side::old_side).port()};
  TcpProxy new_network{service.server(Side::new_side).port()};
  TcpProxy pooler_to_old{service.server(Side::old_side).port()};
  TcpProxy pooler_to_new{service.server(Side::new_side).port()};

  Networks() { service.lead_poolers_by(pooler_to_old.port(), pooler_to_new.port()); }
};

/// That service under load. Its guard is beside its pooler, as in real life, and near the
/// databases; the task that switches reaches everything over the networks.
struct FarService : Networks {
  Writers writers{service, 6, std::chrono::milliseconds(20)};
  Process guard{guard_of(service, 0), {}};
  Side live = Side::old_side;

  FarService() { REQUIRE(writers.wait_for(20, std::chrono::seconds(60))); }

  TcpProxy& network(Side side) { return side == Side::old_side ? old_network : new_network; }

  /// The driver's arguments for a switch to where the service is not.
  std::vector<std::string> move_on() const {
    std::string pooler = service.driver_arguments().back();
    pooler.replace(0, pooler.find(':'), std::to_string(console.port()));
    return {"switch", std::string(sync::name(sync::other(live))),
            std::to_string(old_network.port()), std::to_string(new_network.port()), pooler};
  }

  /// A switch during which something went wrong: the writers were held up for less than `longest`
  /// and saw no error, the service is wholly on one side, and a second run ends the switch. Returns
  /// whether the first one did, which ended with `status`.
  bool survived(int status, std::chrono::milliseconds longest) {
    const Side to = sync::other(live);
    Side found = live;
    seconds_until_serving(service, found);
    REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
    CHECK(writers.take_slowest() < longest);
    CHECK(writers.failures() == std::vector<std::string>{});
    const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (done) {
      CHECK(found == to);
    }
    Process again(move_on(), {});
    CHECK(again.wait() == 0);
    REQUIRE(serving(service, found));
    CHECK(found == to);
    live = to;
    return done;
  }

  /// A switch that stands still at `point` while `fault` is brought about, and ends under it.
  bool survives_at(const std::string& point, const std::function<void()>& fault,
                   const std::function<void()>& mend, std::chrono::milliseconds longest) {
    INFO(point << " to " << sync::name(sync::other(live)));
    Process task(move_on(), point + ":stop");
    break_at_stop(task, fault);
    const int status = task.wait();
    mend();
    return survived(status, longest);
  }

  /// The same with a fault under which it need not end: the guard brings the service back.
  void is_guarded_at(const std::string& point, const std::function<void()>& fault,
                     const std::function<void()>& mend, std::chrono::milliseconds longest) {
    INFO(point << " to " << sync::name(sync::other(live)) << ", the guard alone");
    Process task(move_on(), point + ":stop");
    break_at_stop(task, fault);
    Side found = live;
    seconds_until_serving(service, found);
    mend();
    survived(task.wait(), longest);
  }

  void break_at_stop(Process& task, const std::function<void()>& fault) {
    REQUIRE(WIFSTOPPED(task.wait()));
    writers.take_slowest();
    fault();
    task.wake();
  }

  void check_all_there() {
    writers.stop();
    CHECK(writers.failures() == std::vector<std::string>{});
    CHECK(writers.differences(service, live) == std::vector<std::string>{});
  }
};

}  // namespace crossover::test
