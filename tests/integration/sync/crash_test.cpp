// A source that crashes between two drains.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <optional>

#include "base/retry.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

std::int64_t next_transaction_id(const Database& database) {
  return database.open("look")
      .query("SELECT txid_snapshot_xmax(txid_current_snapshot())")
      .int64(0, 0);
}

}  // namespace

// What was committed with synchronous_commit off, and every transaction that was rolled back, may
// be gone from the WAL after a crash, and its id is handed out again: to a position that had seen
// it, what comes under that id would be old.
TEST_CASE(
    "what a source that crashed has acknowledged is carried, though its ids were used before") {
  World world(15, 17);
  // Nobody writes WAL out but whom we ask.
  world.old_server.set("wal_writer_delay", "10s");
  world.old_server.set("autovacuum", "off");
  world.old_server.restart();
  world.start(Direction::forward);
  copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner, {},
              {world.clock, world.stop, world.log, world.progress});
  std::optional<Drain> drain(std::in_place, world.databases, Direction::forward, world.tables,
                             world.apply_token, world.owner, world.log);
  drain->run();
  std::int64_t reached = 0;
  {
    postgres::Session application = world.old_db.open("application");
    application.batch("CHECKPOINT; SET synchronous_commit = off");
    for (int i = 0; i < 50; ++i) {
      application.batch(
          fmt::format("INSERT INTO public.role (name) VALUES ('asynchronous {}')", i));
    }
    drain->run();
    reached = next_transaction_id(world.old_db);
  }
  drain.reset();
  world.old_server.crash();
  world.old_server.start();
  Writers writers(world.old_server, 2);
  CHECK(poll(world.clock, world.stop, std::chrono::seconds(20), std::chrono::milliseconds(1),
             [&] { return next_transaction_id(world.old_db) > reached + 10; }));
  writers.stop();
  CHECK(writers.failures() == 0);
  Drain(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
        world.log)
      .run();
  CHECK(world.equal_by_sql());
  for (const TestDatabase* database : {&world.old_db, &world.new_db}) {
    CHECK(writers.differences(*database) == std::vector<std::string>{});
  }
}
