// The last drain of a switch, with the old gate closed, when networks and servers fail under it.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <optional>

#include "base/retry.h"
#include "far_database.h"
#include "fixtures/error_of.h"
#include "postgres/sqlstate.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

/// A switch at its last drain, as often as it takes.
struct LastDrain {
  World world{15, 17};
  TcpProxy old_network{world.old_server.port()};
  TcpProxy new_network{world.new_server.port()};
  FarDatabase old_db{world.old_server, old_network};
  FarDatabase new_db{world.new_server, new_network};
  std::optional<Drain> drain;
  std::string before;  ///< the target's counters, as anybody may see them

  LastDrain() {
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
  }
  Drain make(const Databases& databases) {
    return {databases, Direction::forward, world.tables, world.apply_token, world.owner, world.log};
  }
  /// Up to where the old gate has been closed: the load had to stop at it.
  void prepare() {
    postgres::Session target = world.new_db.open("test");
    before = World::dump(target, "counter");
    postgres::Session source = world.old_db.open("test");
    open_gate(source, world.tables, world.owner, std::chrono::seconds(5));
    Writers writers(world.old_server, 2);
    drain.emplace(make({old_db, new_db}));
    drain->prepare_finish(world.owner, 100, std::chrono::seconds(30));
    retry(world.clock, world.stop, RetryPolicy{.budget = std::chrono::seconds(60)},
          postgres::is_lock_conflict,
          [&] { close_gate(source, world.tables, world.owner, std::chrono::milliseconds(200)); });
    CHECK(poll(world.clock, world.stop, std::chrono::seconds(10), std::chrono::milliseconds(1),
               [&] { return writers.failures() == 2; }));
    writers.stop();
    CHECK(writers.last_failure().find("is closed by crossover") != std::string::npos);
    CHECK(writers.differences(world.old_db) == std::vector<std::string>{});
  }
  void finish() {
    drain->finish([](std::string_view) {}, [] {});
  }
  Error failure() {
    const auto begin = std::chrono::steady_clock::now();
    Error error = error_of([&] { finish(); });
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    return error;
  }
  /// The part fails with that; nothing has happened on the target, nor is it held up for long.
  void fails(const TcpProxy& network, const std::string& cause, const std::string& sqlstate) {
    const Error error = failure();
    CHECK(error.message() == fmt::format("unable to run a statement on '127.0.0.1:{}/app': {}",
                                         network.port(), cause));
    CHECK(error.sqlstate() == sqlstate);
    nothing_happened();
  }
  void nothing_happened() {
    drain.reset();
    CHECK(gate(world.old_db) == GateState::closed);
    CHECK(gate(world.new_db) == GateState::closed);
    postgres::Session target = world.new_db.open("test");
    CHECK(World::dump(target, "counter") == before);
  }
  GateState gate(const Database& database) {
    postgres::Session session = database.open("test");
    return gate_state(session);
  }
};

constexpr auto ended = "server closed the connection unexpectedly";

}  // namespace

TEST_CASE("whatever fails under the last drain, both gates stay closed and nothing is lost") {
  LastDrain last;
  World& world = last.world;
  using Stop = PostgresServer::Stop;
  for (TcpProxy* network : {&last.old_network, &last.new_network}) {
    last.prepare();
    network->cut();
    last.fails(*network, ended, "08006");
  }
  last.prepare();
  last.new_network.swallow();
  last.fails(last.new_network, "could not receive data from server: Connection timed out", "08006");
  for (const auto& [server, network] : {std::pair(&world.old_server, &last.old_network),
                                        std::pair(&world.new_server, &last.new_network)}) {
    last.prepare();
    server->restart(Stop::fast);
    // Whether its farewell or the end is seen first is the network's.
    CHECK(postgres::is_connection_failure(last.failure()));
    last.nothing_happened();
    last.prepare();
    server->restart(Stop::immediate);
    last.fails(*network, ended, "08006");
  }
  for (const auto delivery : {TcpProxy::Delivery::withheld, TcpProxy::Delivery::answered}) {
    last.prepare();
    last.new_network.cut_at("COMMIT", delivery);
    const Error error = error_of([&] { last.finish(); });
    CHECK(error.message() ==
          fmt::format("unable to commit on '127.0.0.1:{}/app': the connection was lost before the "
                      "answer came, so it is in doubt whether the transaction was committed",
                      last.new_network.port()));
    CHECK(error.sqlstate() == "08007");
    REQUIRE(last.new_network.wait_for_cut(std::chrono::seconds(5)));
    if (delivery == TcpProxy::Delivery::withheld) {
      last.nothing_happened();
    }
  }
  // The last one was done, as the gates say.
  CHECK(last.gate(world.old_db) == GateState::closed);
  CHECK(last.gate(world.new_db) == GateState::open);
  CHECK(world.equal_by_sql());
}

TEST_CASE("a source that fails over under the last drain, its closing lost, is noticed") {
  LastDrain last;
  World& world = last.world;
  // An asynchronous standby that has everything but the closing of the gate.
  std::unique_ptr<PostgresServer> standby = world.old_server.standby();
  standby->catch_up_with(world.old_server);
  standby->stop();
  last.prepare();
  world.old_server.crash();
  standby->start();
  standby->promote();
  last.old_network.set_target_port(standby->port());
  CHECK(postgres::is_connection_failure(error_of([&] { last.finish(); })));
  last.drain.reset();
  const TestDatabase promoted(*standby, "app");
  CHECK(last.gate(promoted) == GateState::open);
  CHECK(last.gate(world.new_db) == GateState::closed);
  Drain drain = last.make({promoted, world.new_db});
  const Error error =
      error_of([&] { drain.prepare_finish(world.owner, 100, std::chrono::seconds(5)); });
  CHECK(error.kind() == ErrorKind::precondition);
  CHECK(error.message() ==
        "unable to drain from the old database: it has failed over (timeline 00000002, was "
        "00000001), and what its last commits were is not certain");
}

TEST_CASE("a target that fails over behind the last commit, which it lost, is moved to again") {
  LastDrain last;
  World& world = last.world;
  last.prepare();
  last.drain.reset();
  const std::unique_ptr<PostgresServer> standby = world.new_server.standby();
  standby->catch_up_with(world.new_server);
  standby->stop();
  last.prepare();
  last.finish();
  last.drain.reset();
  CHECK(last.gate(world.new_db) == GateState::open);
  world.new_server.crash();
  standby->start();
  standby->promote();
  // Nothing is open any more, which is what a switch that did not commit leaves.
  const TestDatabase promoted(*standby, "app");
  CHECK(last.gate(world.old_db) == GateState::closed);
  CHECK(last.gate(promoted) == GateState::closed);
  postgres::Session source = world.old_db.open("test");
  open_gate(source, world.tables, world.owner, std::chrono::seconds(5));
  Writers writers(world.old_server, 2);
  Drain drain = last.make({world.old_db, promoted});
  drain.run();
  writers.stop();
  drain.run();
  CHECK(World::equal_by_sql({world.old_db, promoted}));
  CHECK(writers.differences(promoted) == std::vector<std::string>{});
}
