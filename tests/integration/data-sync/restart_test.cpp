// Servers that are restarted under a step and its load.
#include "integration/data-sync/halted.h"

using namespace crossover;
using namespace crossover::test;

namespace {

using sync::Side;
using Stop = PostgresServer::Stop;

struct Restarted {
  PostgresServer& server(Side side) {
    return side == Side::old_side ? world.old_server : world.new_server;
  }

  /// The step is at `point` when the server goes; the service's writers come back by themselves.
  void trial(const std::string& verb, const std::string& point, Side side, Stop mode) {
    CAPTURE(point, sync::name(side), mode == Stop::fast);
    Writers writers(world.old_server, 2, Writers::OnLoss::reconnect);
    Halted step(place, {verb}, point);
    server(side).restart(mode);
    const nlohmann::json failed = place.result(1, step.go_on())["error"];
    INFO(failed.dump());
    CHECK(failed["message"] ==
          fmt::format("unable to run a statement on '127.0.0.1:{}/app': {}", server(side).port(),
                      mode == Stop::fast ? "terminating connection due to administrator command"
                                         : "server closed the connection unexpectedly"));
    CHECK(failed.value("hint", "") ==
          "run the same command again when both databases answer: it goes on from where it was");
    CHECK(failed.value("sqlstate", "") == (mode == Stop::fast ? "57P01" : "08006"));
    if (verb == "start") {
      place.run(0, {"start"});
    }
    carry_the_rest(place, writers);
    CHECK(writers.reconnections() == (side == Side::old_side ? 2 : 0));
  }

  World world{15, 17};
  Place place{world};
};

}  // namespace

TEST_CASE("a copy whose server is restarted is ended by the next start") {
  Restarted restarted;
  restarted.place.configure("  workers: 1\n");
  for (const auto& [side, mode] :
       {std::pair(Side::old_side, Stop::immediate), std::pair(Side::new_side, Stop::fast)}) {
    restarted.trial("start", "copy-loaded#3", side, mode);
    restarted.place.run(0, {"abort"});
    empty_new_side(restarted.world);
  }
}

TEST_CASE("a follower whose server is restarted between reading and commit loses nothing") {
  Restarted restarted;
  restarted.place.run(0, {"start"});
  for (const auto& [point, side, mode] :
       {std::tuple("drain-read", Side::new_side, Stop::immediate),
        std::tuple("drain-applied", Side::old_side, Stop::fast),
        std::tuple("drain-applied", Side::old_side, Stop::immediate),
        std::tuple("drain-applied", Side::new_side, Stop::fast),
        std::tuple("drain-applied", Side::new_side, Stop::immediate)}) {
    // The first drain has something to carry, whatever the load.
    restarted.world.old_server.connect("app").query("UPDATE public.role SET name = name");
    restarted.trial("follow", point, side, mode);
  }
}
