#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <mutex>

#include "base/error.h"
#include "base/retry.h"
#include "fixtures/error_of.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "sync/repair.h"
#include "sync/trigger_sql.h"
#include "sync/verify.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

struct CountingProgress final : Progress {
  void start(std::string_view /*what*/, std::uint64_t /*total*/,
             std::string_view /*unit*/) override {}
  void add(std::uint64_t amount) override { done += amount; }
  void finish() override {}
  std::uint64_t done = 0;
};

CopyReport copy(World& world, Direction direction, const CopyOptions& options = {}) {
  return copy_tables(world.databases, direction, world.tables, world.apply_token, world.owner,
                     options, {world.clock, world.stop, world.log, world.progress});
}

Drain drain(World& world, Direction direction) {
  return {world.databases, direction, world.tables, world.apply_token, world.owner, world.log};
}

void move(World& world, Direction direction, Drain& drainer) {
  postgres::Session source = world.databases.at(sync::source(direction)).open("gate");
  drainer.prepare_finish(world.owner, 100, std::chrono::seconds(90));
  // Below deadlock_timeout, as the cutover does: an attempt that meets a writer's locks gives way.
  retry(
      world.clock, world.stop, RetryPolicy{.budget = std::chrono::seconds(60)},
      [](const Error& error) { return error.sqlstate() == "55P03"; },
      [&] { close_gate(source, world.tables, world.owner, std::chrono::milliseconds(200)); });
  drainer.finish([](std::string_view) {}, [] {});
}

}  // namespace

TEST_CASE("a database under load moves, comes back and moves again without losing a write") {
  const auto [old_version, new_version] =
      GENERATE(std::pair(15, 17), std::pair(12, 18), std::pair(18, 12));
  CAPTURE(old_version, new_version);
  World world(old_version, new_version);
  Writers writers(world.old_server, 4);
  world.start(Direction::forward);
  const CopyReport report = copy(world, Direction::forward);
  CHECK(report.tables == 7);
  Drain forward = drain(world, Direction::forward);
  for (int i = 0; i < 20; ++i) {
    forward.run();
  }
  // Reverse capture stands before anything is moved.
  {
    postgres::Session new_side = world.new_db.open("install");
    postgres::Session old_side = world.old_db.open("install");
    install_capture(new_side, world.tables, world.apply_token, world.install());
    start_position(new_side, old_side, Direction::reverse, world.tables);
  }
  // Both sides can be compared while writes go on.
  {
    forward.run_keeping_snapshot();
    postgres::Session target = world.new_db.open("verify");
    for (const SyncedTable& table : world.tables) {
      CountingProgress progress;
      const TableComparison comparison = compare_table(
          forward.source_session(), target, table, Direction::forward, 10, world.stop, progress);
      CHECK(progress.done == comparison.source_rows);
      INFO(table.table.text());
      CHECK(comparison.equal);
      CHECK(comparison.differences.empty());
    }
  }
  move(world, Direction::forward, forward);
  writers.stop();
  CHECK(writers.failures() == 4);  // each writer met the closed gate once, and nothing else
  CHECK(writers.last_failure().find("is closed by crossover") != std::string::npos);
  CHECK(world.equal_by_sql());
  CHECK(writers.differences(world.new_db) == std::vector<std::string>{});

  Drain back = drain(world, Direction::reverse);
  Writers on_new(world.new_server, 4);
  for (int i = 0; i < 20; ++i) {
    back.run();
  }
  move(world, Direction::reverse, back);
  on_new.stop();
  CHECK(world.equal_by_sql());
  CHECK(on_new.differences(world.old_db) == std::vector<std::string>{});
  postgres::Session old_side = world.old_db.open("check");
  postgres::Session new_side = world.new_db.open("check");
  CHECK(gate_state(old_side) == GateState::open);
  CHECK(gate_state(new_side) == GateState::closed);

  Writers again(world.old_server, 4);
  for (int i = 0; i < 5; ++i) {
    forward.run();
  }
  move(world, Direction::forward, forward);
  again.stop();
  CHECK(world.equal_by_sql());
  CHECK(again.differences(world.new_db) == std::vector<std::string>{});
}

TEST_CASE("ids that the source has handed out are not handed out again") {
  World world(15, 17);
  world.start(Direction::forward);
  copy(world, Direction::forward);
  postgres::Session old_side = world.old_db.open("test");
  const auto taken = old_side.query("SELECT nextval('public.role_id_seq')").int64(0, 0);
  Drain forward = drain(world, Direction::forward);
  move(world, Direction::forward, forward);
  postgres::Session new_side = world.new_db.open("test");
  CHECK(new_side.query("SELECT nextval('public.role_id_seq')").int64(0, 0) == taken + 101);
  CHECK(new_side.query("INSERT INTO public.event (token) VALUES ('x') RETURNING id").int64(0, 0) ==
        5101);
}

TEST_CASE("TRUNCATE, unique swaps and a large change arrive") {
  World world(15, 17);
  world.start(Direction::forward);
  copy(world, Direction::forward);
  Drain forward = drain(world, Direction::forward);
  postgres::Session old_side = world.old_db.open("test");
  old_side.batch(
      "BEGIN; UPDATE public.role SET name = 'swap' WHERE id = 1; "
      "UPDATE public.role SET name = 'role 1' WHERE id = 2; "
      "UPDATE public.role SET name = 'role 2' WHERE id = 1; COMMIT");
  old_side.batch("UPDATE public.event SET price = price + 1");
  old_side.batch(
      "INSERT INTO public.event (token) SELECT 'many ' || i FROM generate_series(1, 6000) i");
  old_side.batch("TRUNCATE public.tree");
  old_side.batch("INSERT INTO public.tree VALUES (7, NULL)");
  const DrainReport report = forward.run();
  CHECK(report.tables == 3);
  CHECK(report.rows == 2 + 11000 + 1);
  CHECK(world.equal_by_sql());
  CHECK(forward.lag() == 0);
}

TEST_CASE("a drain refuses a source whose schema has changed") {
  World world(15, 17);
  world.start(Direction::forward);
  copy(world, Direction::forward);
  Drain forward = drain(world, Direction::forward);
  forward.run();
  postgres::Session old_side = world.old_db.open("test");
  old_side.batch("ALTER TABLE public.role ADD COLUMN colour text");
  try {
    forward.run();
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::precondition);
    CHECK(error.text() ==
          "unable to drain from the old database: its schema has changed: + column "
          "public.role.colour text f");
  }
}

TEST_CASE("what differs is found down to the key") {
  World world(15, 17);
  world.start(Direction::forward);
  copy(world, Direction::forward);
  postgres::Session falsifier = open_apply_session(world.new_db, "test", world.apply_token);
  falsifier.batch(
      "UPDATE public.event SET price = 99 WHERE id = 17; DELETE FROM public.event WHERE id = 18; "
      "INSERT INTO public.event (id, token) OVERRIDING SYSTEM VALUE VALUES (99999, 'only here')");
  Drain forward = drain(world, Direction::forward);
  forward.run_keeping_snapshot();
  postgres::Session target = world.new_db.open("verify");
  for (const SyncedTable& table : world.tables) {
    if (table.table.name != "event") {
      continue;
    }
    const TableComparison comparison =
        compare_table(forward.source_session(), target, table, Direction::forward, 10, world.stop,
                      world.progress);
    CHECK_FALSE(comparison.equal);
    std::set<std::pair<std::string, std::string>> found;
    for (const RowDifference& difference : comparison.differences) {
      found.emplace(difference.key, difference.kind);
    }
    CHECK(found == std::set<std::pair<std::string, std::string>>{
                       {"17", "different"}, {"18", "only in source"}, {"99999", "only in target"}});
  }
}

TEST_CASE("the application's role has no right on schema crossover and is captured all the same") {
  World world(15, 17);
  world.start(Direction::forward);
  postgres::Session writer = world.old_server.connect("app", "writer");
  CHECK_THROWS_AS(writer.query("SELECT * FROM crossover.migration"), Error);
  writer.query("INSERT INTO public.role (name) VALUES ('by the application')");
  copy(world, Direction::forward);
  Drain forward = drain(world, Direction::forward);
  writer.query("SET crossover.apply = 'a guess'");
  writer.query("INSERT INTO public.role (name) VALUES ('by a guesser')");
  forward.run();
  CHECK(world.equal_by_sql());
  postgres::Session new_writer = world.new_server.connect("app", "writer");
  try {
    new_writer.query("INSERT INTO public.role (name) VALUES ('too early')");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.sqlstate() == "25006");
  }
}

TEST_CASE("removal leaves no trace and does not disturb the application") {
  World world(15, 17);
  world.start(Direction::forward);
  Writers writers(world.old_server, 2);
  postgres::Session old_side = world.old_db.open("remove");
  remove_capture(old_side, world.tables, world.install());
  remove_gate(old_side, world.tables, world.install());
  CHECK(drop_state(old_side));
  writers.stop();
  CHECK(writers.failures() == 0);
  CHECK(old_side.query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crossover%'")
            .int64(0, 0) == 0);
  CHECK(old_side.query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0));
  CHECK_FALSE(drop_state(old_side));
}

TEST_CASE("removal takes off what somebody has left of a table's triggers") {
  World world(15, 17);
  world.start(Direction::forward);
  postgres::Session old_side = world.old_db.open("remove");
  old_side.batch(
      fmt::format("DROP TRIGGER {0} ON public.part_2024; DROP TRIGGER {0} ON public.counter;"
                  "DROP TRIGGER crossover_capture_insert ON public.part",
                  gate_trigger));
  remove_capture(old_side, world.tables, world.install());
  remove_gate(old_side, world.tables, world.install());
  CHECK(old_side.query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crossover%'")
            .int64(0, 0) == 0);
  CHECK(drop_state(old_side));
}

TEST_CASE("what drops triggers gets its locks from an application that reads before it writes") {
  World world(15, 17);
  world.start(Direction::forward);
  const bool removal = GENERATE(true, false);
  CAPTURE(removal);
  if (!removal) {
    world.old_db.open("test").batch("DROP TRIGGER crossover_capture_insert ON public.counter");
  }
  std::atomic<bool> done{false};
  std::atomic<bool> begun{false};
  int transactions = 0;
  std::string refused;
  std::thread application([&] {
    postgres::Session session = world.old_server.connect("app", "writer");
    postgres::Session looking = world.old_server.connect("app");
    while (!done && refused.empty()) {
      try {
        session.batch("BEGIN; SELECT FROM public.counter WHERE id = 1");
        begun = true;
        // Until somebody wants the table from us.
        while (!done && looking
                            .query("SELECT FROM pg_locks WHERE relation = "
                                   "'public.counter'::regclass AND NOT granted")
                            .empty()) {
        }
        session.batch("UPDATE public.counter SET value = value + 1 WHERE id = 1; COMMIT");
        ++transactions;
      } catch (const Error& error) {
        refused = error.text();
        begun = true;
      }
    }
  });
  CHECK(poll(world.clock, world.stop, std::chrono::seconds(20), std::chrono::milliseconds(1),
             [&] { return begun.load(); }));
  postgres::Session old_side = world.old_db.open("remove");
  InstallContext context = world.install();
  context.budget = {std::chrono::milliseconds(300), std::chrono::seconds(3)};
  std::string failure;
  try {
    if (removal) {
      remove_capture(old_side, world.tables, context);
      remove_gate(old_side, world.tables, context);
    } else {
      install_capture(old_side, world.tables, world.apply_token, context);
    }
  } catch (const Error& error) {
    failure = error.text();
  }
  done = true;
  application.join();
  CHECK(failure.empty());
  CHECK(refused.empty());
  CHECK(transactions >= 1);
  CHECK(old_side.query("SELECT value FROM public.counter WHERE id = 1").int64(0, 0) ==
        transactions);
}

TEST_CASE("a removal that gets no lock names who reads the table") {
  World world(15, 17);
  world.start(Direction::forward);
  postgres::Session reader = world.old_server.connect("app", "writer");
  reader.batch("BEGIN; SELECT FROM public.counter");
  postgres::Session old_side = world.old_db.open("remove");
  InstallContext context = world.install();
  context.budget = {std::chrono::milliseconds(50), std::chrono::milliseconds(200)};
  const Error error = error_of([&] { remove_gate(old_side, world.tables, context); });
  CHECK(error.kind() == ErrorKind::timeout);
  CHECK(
      error.message() ==
      fmt::format("unable to remove the gate on 'public.counter': no lock within 0.2 s, blocked by "
                  "pid {} (crossover, role writer, from 127.0.0.1, idle in transaction, for 0 s)",
                  reader.query("SELECT pg_backend_pid()").int64(0, 0)));
  // Nobody waits for what is given up.
  reader.batch("UPDATE public.counter SET value = 1 WHERE id = 1; COMMIT");
}

TEST_CASE("several workers copy a live database, its larger tables in ranges of pages") {
  // 12 and 13 can't read a range of pages: there each table is one worker's.
  const auto [old_version, new_version] = GENERATE(std::pair(15, 17), std::pair(12, 18));
  CAPTURE(old_version, new_version);
  World world(old_version, new_version);
  Writers writers(world.old_server, 4);
  world.start(Direction::forward);
  const CopyReport report = copy(world, Direction::forward, {.workers = 3, .pages_per_range = 2});
  CHECK(report.tables == 7);
  CHECK(report.rows > 1000);
  Drain forward = drain(world, Direction::forward);
  for (int i = 0; i < 5; ++i) {
    forward.run();
  }
  move(world, Direction::forward, forward);
  writers.stop();
  CHECK(world.equal_by_sql());
  CHECK(writers.differences(world.new_db) == std::vector<std::string>{});
}

namespace {

/// Moves every row of the largest table to new pages when its first rows have been copied.
class RowsMove final : public Progress {
 public:
  explicit RowsMove(World& world) : session_(world.old_server.connect("app")) {}
  void start(std::string_view, std::uint64_t, std::string_view) override {}
  void add(std::uint64_t) override {
    std::call_once(moved_, [&] { session_.batch("UPDATE public.event SET price = price + 1"); });
  }
  void finish() override {}

 private:
  postgres::Session session_;
  std::once_flag moved_;
};

}  // namespace

TEST_CASE("all ranges of a table are read in one snapshot, wherever its rows move meanwhile") {
  World world(15, 17);
  world.start(Direction::forward);
  RowsMove progress(world);
  copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
              {.workers = 6, .pages_per_range = 1}, {world.clock, world.stop, world.log, progress});
  drain(world, Direction::forward).run();
  CHECK(world.equal_by_sql());
}

TEST_CASE("a failed worker ends the copy, and the next run begins its table anew") {
  World world(15, 17);
  world.start(Direction::forward);
  const CopyOptions options{.workers = 3, .pages_per_range = 1};
  {
    // Rows that only the target refuses, half-way through the table.
    postgres::Session target = world.new_server.connect("app");
    target.batch("ALTER TABLE public.event ADD CONSTRAINT refused CHECK (id < 2500)");
  }
  CHECK_THROWS_WITH(copy(world, Direction::forward, options),
                    Catch::Contains("violates check constraint"));
  {
    postgres::Session target = world.new_server.connect("app");
    CHECK_FALSE(target
                    .query("SELECT bool_or(copied) FROM crossover.synced_table WHERE "
                           "table_name = 'event'")
                    .boolean(0, 0));
    target.batch("ALTER TABLE public.event DROP CONSTRAINT refused");
  }
  copy(world, Direction::forward, options);
  drain(world, Direction::forward).run();
  CHECK(world.equal_by_sql());
  // As a run leaves it that died before the table's last range, but after other tables.
  world.new_server.connect("app").batch(
      "UPDATE crossover.synced_table SET copied = false WHERE table_name = 'event'");
  CHECK(copy(world, Direction::forward, options).tables == 1);
  CHECK(world.equal_by_sql());
}

TEST_CASE("the side that the service writes is never repaired") {
  World world(15, 17);
  world.start(Direction::forward);
  CHECK_THROWS_WITH(
      repair_after_failover(world.databases, Direction::reverse, world.tables, world.apply_token,
                            world.owner, {world.clock, world.stop, world.log, world.progress}),
      "unable to repair the old database: its gate is open, so the service writes there");
}
