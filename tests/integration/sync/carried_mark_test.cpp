#include "sync/carried_mark.h"

#include <catch2/catch.hpp>

#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

TEST_CASE("a mark says what the target has, until a switch makes its database the live one again") {
  World world(15, 17);
  world.start(Direction::forward);
  copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner, {},
              {world.clock, world.stop, world.log, world.progress});
  Drain drain(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
              world.log);
  postgres::Session source = world.old_db.open("test");
  postgres::Session target = world.new_db.open("test");
  const auto mark = [&] { return read_carried_mark(source, target, Direction::forward); };

  CHECK_FALSE(drain.mark_carried());  // the position is older than the rows
  CHECK(mark().source == CarriedMark::nothing);
  const DrainReport report = drain.run();
  CHECK(drain.mark_carried());
  CHECK(mark().source == report.snapshot);
  CHECK(mark().target != CarriedMark::nothing);
  target.batch("UPDATE crossover.position SET capture = 'another'");
  CHECK(mark().source == report.snapshot);
  CHECK(mark().target == CarriedMark::nothing);

  close_gate(source, world.tables, world.owner, std::chrono::seconds(5));
  postgres::Transaction moving(source);
  open_gate_in_transaction(source, world.tables, world.owner, std::chrono::seconds(5));
  moving.commit();
  CHECK(mark().source == CarriedMark::nothing);
}
