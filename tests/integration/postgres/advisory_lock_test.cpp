#include "postgres/advisory_lock.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "base/error.h"
#include "fixtures/postgres/server.h"
#include "postgres/server_identity.h"

using namespace crossover;
using namespace crossover::test;
using namespace crossover::postgres;

namespace {

Session named(const PostgresServer& server, const std::string& name) {
  ConnectionOptions options = server.options();
  options.application_name = name;
  return Session(options);
}

}  // namespace

TEST_CASE("a migration's lock keeps a second run out and names the first") {
  PostgresServer server(GENERATE(12, 15, 17, 18));
  const std::int64_t key = advisory_key("registry");
  CHECK(key != advisory_key("registry", "cutover"));
  CHECK(key == advisory_key("registry"));
  Session second = named(server, "crossover second");
  {
    Session first = named(server, "crossover first");
    CHECK_FALSE(lock_holder(second, key));
    lock(first, "registry", key);
    const auto holder = lock_holder(second, key);
    REQUIRE(holder);
    CHECK(holder->pid == first.backend_pid());
    CHECK(holder->application_name == "crossover first");
    try {
      lock(second, "registry", key);
      FAIL("locked twice");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::locked);
      CHECK(error.message() == "unable to lock migration 'registry' in '" + second.name() +
                                   "': held by 'crossover first' at 127.0.0.1 since " +
                                   holder->since);
    }
  }
  // The session has ended; the server takes a moment to see it.
  CHECK_NOTHROW(lock(second, "registry", key));
}

TEST_CASE("a run waits for the connection of one that is over to be closed") {
  PostgresServer server(17);
  const std::int64_t key = advisory_key("registry");
  std::optional<Session> first = named(server, "crossover first");
  lock(*first, "registry", key);
  Session second = named(server, "crossover second");
  const auto closing = std::async(std::launch::async, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // a port-forward's delay
    first.reset();
  });
  CHECK_NOTHROW(lock(second, "registry", key));
}

TEST_CASE("a lock with a heartbeat is lost by one who stops") {
  PostgresServer server(17);
  const std::int64_t key = advisory_key("registry", "cutover");
  HeartbeatLock lock(named(server, "crossover switch"), "registry", key,
                     std::chrono::milliseconds(300));
  Session other = named(server, "crossover guard");
  for (int i = 0; i < 5; ++i) {
    lock.beat();
    CHECK(lock.fresh());
    CHECK_FALSE(try_lock(other, key));
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool taken = false;
  while (!taken && std::chrono::steady_clock::now() < deadline) taken = try_lock(other, key);
  REQUIRE(taken);
  CHECK_FALSE(lock.fresh());
  CHECK_THROWS_AS(lock.beat(), Error);
}

TEST_CASE("a server is known by its identity, and a failover by its timeline") {
  PostgresServer primary(GENERATE(12, 18));
  PostgresServer other(17);
  auto standby = primary.standby();
  Session session = primary.connect();
  const ServerIdentity before = server_identity(session);
  CHECK(before.timeline == 1);
  CHECK(before.encoding == "UTF8");
  CHECK(before.database == "postgres");
  Session elsewhere = other.connect();
  CHECK(server_identity(elsewhere).system_identifier != before.system_identifier);
  standby->catch_up_with(primary);
  standby->promote();
  Session promoted = standby->connect();
  const ServerIdentity after = server_identity(promoted);
  CHECK(after.system_identifier == before.system_identifier);
  CHECK(after.timeline == 2);
}
