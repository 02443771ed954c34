// Which sequences go with the service.
#include "sync/sequences.h"

#include <catch2/catch.hpp>

#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

TEST_CASE("a sequence goes with the service though no table of its schema is carried") {
  World world(15, 17);
  world.settings.schemas = {"public", "numbers", "left alone"};
  world.settings.tables["left alone.item"].policy = config::Policy::skip;
  world.add_schema(
      "CREATE SCHEMA numbers; CREATE SEQUENCE numbers.ticket;"
      "CREATE TABLE public.ticket (id bigint PRIMARY KEY DEFAULT nextval('numbers.ticket'));"
      "CREATE SCHEMA \"left alone\"; CREATE SEQUENCE \"left alone\".place;"
      "CREATE TABLE \"left alone\".item (id bigint PRIMARY KEY DEFAULT nextval('\"left "
      "alone\".place'));"
      "CREATE SCHEMA other; CREATE SEQUENCE other.number");
  world.start(Direction::forward);
  copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner, {},
              {world.clock, world.stop, world.log, world.progress});
  postgres::Session old_side = world.old_db.open("application");
  old_side.batch(
      "INSERT INTO public.ticket SELECT FROM generate_series(1, 7);"
      "SELECT setval('\"left alone\".place', 40), setval('other.number', 50)");
  Drain drain(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
              world.log);
  drain.run();
  drain.prepare_finish(world.owner, 100, std::chrono::seconds(30));
  close_gate(old_side, world.tables, world.owner, std::chrono::seconds(5));
  drain.finish([](std::string_view) {}, [] {});
  const auto next = [&](const std::string& sequence) {
    postgres::Session session = world.new_db.open("application");
    return session.query("SELECT nextval($1::regclass)", {sequence}).int64(0, 0);
  };
  CHECK(next("numbers.ticket") == 108);
  CHECK(next("\"left alone\".place") == 141);
  // Of a schema that the migration is not about.
  CHECK(next("other.number") == 1);
}
