// Databases that are far away: every answer takes its time.
#include <catch2/catch.hpp>
#include <utility>

#include "far_database.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

using Trips = std::pair<std::uint64_t, std::uint64_t>;  // to the old server, to the new one

/// A copy that is followed over 50 ms a round trip on either side.
struct FarAway {
  FarAway() {
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
    for (TcpProxy* network : {&old_network, &new_network}) {
      network->set_delay(std::chrono::milliseconds(25));
    }
  }
  Drain drain() {
    return {{old_db, new_db},  Direction::forward, world.tables,
            world.apply_token, world.owner,        world.log};
  }

  World world{15, 17};
  TcpProxy old_network{world.old_server.port()};
  TcpProxy new_network{world.new_server.port()};
  FarDatabase old_db{world.old_server, old_network};
  FarDatabase new_db{world.new_server, new_network};
};

}  // namespace

TEST_CASE("a drain makes few round trips, and no more for many tables and rows") {
  FarAway far;
  Drain drain = far.drain();
  drain.run();  // it begins where the copies end, each somewhere else
  const auto drained = [&](const char* change, std::uint64_t tables) {
    far.world.old_server.connect("app").batch(change);
    const Trips before{far.old_network.round_trips(), far.new_network.round_trips()};
    const auto begin = std::chrono::steady_clock::now();
    const DrainReport report = drain.run();
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(report.tables == tables);
    const Trips after{far.old_network.round_trips(), far.new_network.round_trips()};
    const Trips trips{after.first - before.first, after.second - before.second};
    // So the proxy is a long way indeed.
    CHECK(took > std::chrono::milliseconds(50) * (trips.first + trips.second - 2));
    return trips;
  };
  const Trips none = drained("SELECT 1", 0);
  const Trips one = drained("UPDATE public.role SET name = name WHERE id = 1", 1);
  const Trips many = drained(
      "UPDATE public.role SET name = name; UPDATE public.counter SET value = value + 1; "
      "UPDATE public.event SET price = 2 WHERE id < 100; UPDATE public.tree SET parent = parent; "
      "UPDATE public.part SET v = 'w' WHERE id < 100; "
      "UPDATE public.\"Odd \"\"Name\" SET note = 'x'",
      6);
  CAPTURE(none.first, none.second, one.first, one.second, many.first, many.second);
  CHECK(many == one);
  CHECK(one.first <= 6);
  CHECK(one.second <= 8);
  CHECK(far.world.equal_by_sql());
}

TEST_CASE("a load is followed over a long way, and nothing of it is lost") {
  FarAway far;
  Writers writers(far.world.old_server, 2);
  Drain drain = far.drain();
  for (int i = 0; i < 5; ++i) {
    drain.run();
  }
  writers.stop();
  drain.run();
  CHECK(writers.last_failure().empty());
  CHECK(far.world.equal_by_sql());
  CHECK(writers.differences(far.world.new_db) == std::vector<std::string>{});
}
