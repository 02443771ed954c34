// A source that crashes, and one whose tables the application locks.
#include <catch2/catch.hpp>
#include <future>

#include "base/retry.h"
#include "fixtures/error_of.h"
#include "postgres/sqlstate.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

/// Both databases with the same rows, and drains of theirs.
struct Followed {
  World world{15, 17};

  Followed() {
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
  }
  Drain drain() {
    return {world.databases,   Direction::forward, world.tables,
            world.apply_token, world.owner,        world.log};
  }
};

std::int64_t write(postgres::Session& session, const std::string& token, bool commits) {
  postgres::Transaction transaction(session);
  session.query("INSERT INTO public.event (token) VALUES ($1)", {token});
  const std::int64_t id = session.query("SELECT txid_current()").int64(0, 0);
  commits ? transaction.commit() : transaction.rollback();
  return id;
}

bool somebody_waits(postgres::Session& session) {
  const SystemClock clock;
  const StopRequest stop;
  return poll(clock, stop, std::chrono::seconds(10), std::chrono::milliseconds(1), [&] {
    return session.query("SELECT count(*) FROM pg_locks WHERE NOT granted").int64(0, 0) > 0;
  });
}

}  // namespace

TEST_CASE("a source that crashes hands out no transaction id again that a drain has covered") {
  const bool commits = GENERATE(true, false);
  CAPTURE(commits);
  Followed followed;
  World& world = followed.world;
  // So that nothing is written out but by who asks for it.
  world.old_server.set("wal_writer_delay", "10s");
  std::int64_t covered = 0;
  {
    Drain drain = followed.drain();
    drain.run();
    postgres::Session application = world.old_db.open("test");
    application.batch("SET synchronous_commit = off");
    covered = write(application, "before the crash", commits);
    drain.run();
    world.old_server.crash();
  }
  world.old_server.start();
  postgres::Session application = world.old_db.open("test");
  CHECK(write(application, "after the crash", true) > covered);
  followed.drain().run();
  CHECK(application.query("SELECT FROM public.event WHERE token = 'before the crash'").empty() ==
        !commits);
  CHECK(world.equal_by_sql());
}

TEST_CASE("a drain gives way to an application that locks tables in another order") {
  Followed followed;
  Drain drain = followed.drain();
  postgres::Session application = followed.world.old_db.open("test");
  postgres::Session watcher = followed.world.old_db.open("test");
  const std::pair<std::string, std::string> orders[] = {{"note", "event"}, {"event", "note"}};
  for (int round = 0; round < 6; ++round) {
    const auto& [first, second] = orders[round % 2];
    CAPTURE(round, first);
    application.batch(
        "INSERT INTO public.event (token) VALUES ('a'); INSERT INTO public.note (text) VALUES "
        "('a')");
    std::future<DrainReport> report;
    {
      postgres::Transaction transaction(application);
      application.batch("TRUNCATE public." + first);
      report = std::async(std::launch::async, [&] { return drain.run(); });
      CHECK(somebody_waits(watcher));  // the drain, which may have read the other table
      application.batch("TRUNCATE public." + second);
      transaction.commit();
    }
    CHECK(report.get().tables == 2);
  }
  CHECK(followed.world.equal_by_sql());
}

TEST_CASE("a drain that is kept from a table for long says so, and can be run again") {
  Followed followed;
  Drain drain = followed.drain();
  postgres::Session application = followed.world.old_db.open("test");
  application.batch("INSERT INTO public.event (token) VALUES ('a')");
  {
    postgres::Transaction transaction(application);
    application.batch("LOCK TABLE public.event IN ACCESS EXCLUSIVE MODE");
    const Error error = error_of([&] { drain.run(); });
    CHECK(postgres::is_lock_conflict(error));
    CHECK(error.kind() == ErrorKind::timeout);
  }
  CHECK(drain.run().keys == 1);
  CHECK(followed.world.equal_by_sql());
}
