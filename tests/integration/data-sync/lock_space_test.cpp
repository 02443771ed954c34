// Many tables on servers whose lock tables are small.
#include "fixtures/error_of.h"
#include "integration/data-sync/place.h"
#include "integration/data-sync/switching.h"
#include "sync/changed_tables.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

constexpr int many = 1200;
constexpr const char* out_of_room = "53200";

/// Little room, and many tables. PostgreSQL has somewhat more than it says: for its own processes.
struct Crowded {
  Crowded() {
    for (PostgresServer* server : {&world.old_server, &world.new_server}) {
      server->set("max_connections", "10");
      server->set("max_prepared_transactions", "0");
      server->set("max_wal_senders", "0");
      server->set("max_worker_processes", "0");
    }
    shrink();
    for (const sync::Side side : {sync::Side::old_side, sync::Side::new_side}) {
      postgres::Session session = world.databases.at(side).open("test");
      for (int i = 0; i < many; ++i) {
        session.batch(fmt::format(
            "CREATE TABLE public.many_{} (id serial PRIMARY KEY, body text, first int{})", i,
            i == 0 ? "" : " REFERENCES public.many_0"));
      }
    }
    world.select();
    postgres::Session old_side = world.old_db.open("test");
    for (int i = 0; i < many; ++i) {
      old_side.batch(fmt::format("INSERT INTO public.many_{} (body) VALUES ('of {}')", i, i));
    }
  }
  /// As preflight says.
  void enlarge() { restart_with("535"); }
  void shrink() { restart_with("50"); }
  void restart_with(const std::string& max_locks_per_transaction) {
    for (PostgresServer* server : {&world.old_server, &world.new_server}) {
      server->set("max_locks_per_transaction", max_locks_per_transaction);
      server->restart();
    }
  }
  void copy() {
    world.start(sync::Direction::forward);
    sync::copy_tables(world.databases, sync::Direction::forward, world.tables, world.apply_token,
                      world.owner, {}, {world.clock, world.stop, world.log, world.progress});
  }
  sync::Drain drain() {
    return {world.databases, sync::Direction::forward, world.tables, world.apply_token, world.owner,
            world.log};
  }
  /// Into `count` tables from `first` on.
  void write(int first, int count, const std::string& what) {
    write_to(world.old_db, first, count, what);
  }
  static void write_to(const sync::Database& database, int first, int count,
                       const std::string& what) {
    postgres::Session session = database.open("test");
    for (int i = first; i < first + count; ++i) {
      session.batch(fmt::format("UPDATE public.many_{} SET body = '{}'", i, what));
    }
  }
  bool equal() {
    postgres::Session left = world.old_db.open("check");
    postgres::Session right = world.new_db.open("check");
    for (int i = 0; i < many; ++i) {
      const std::string table = fmt::format("many_{}", i);
      if (World::dump(left, table) != World::dump(right, table)) {
        UNSCOPED_INFO(table);
        return false;
      }
    }
    return world.equal_by_sql();
  }
  bool touched(const sync::Database& database) {
    return database.open("test")
        .query("SELECT to_regnamespace('crossover') IS NOT NULL")
        .boolean(0, 0);
  }

  World world{15, 17};
};

}  // namespace

TEST_CASE(
    "a server that has no room for the locks of a switch is refused before anything is done") {
  Crowded crowded;
  const Place place(crowded.world);
  for (const char* verb : {"preflight", "start"}) {
    CAPTURE(verb);
    const json refused = place.run(3, {verb});
    CHECK(message(refused) ==
          "unable to move the data of 'test': old database has room for 500 locks "
          "(max_locks_per_transaction 50 x 10 connections and prepared transactions), and a switch "
          "takes up to 4011 (1207 tables, 1209 relations), more than that: set "
          "max_locks_per_transaction to at least 535 and restart the server (and 1 more)");
    CHECK_FALSE(crowded.touched(crowded.world.old_db));
    CHECK_FALSE(crowded.touched(crowded.world.new_db));
  }
  crowded.enlarge();
  place.run(0, {"preflight"});
}

TEST_CASE(
    "all but a switch and a drain of all tables takes few locks, however many tables there are") {
  Crowded crowded;
  World& world = crowded.world;
  world.new_db.open("test").batch("INSERT INTO public.many_5 (id, body) VALUES (77, 'must go')");
  crowded.copy();
  CHECK(crowded.equal());
  std::optional<sync::Drain> drain(crowded.drain());
  drain->run();
  crowded.write(0, 3, "first");
  CHECK(drain->run().tables == 3);
  crowded.write(0, many, "second");
  CHECK(drain->lag() == many);

  const Error full = error_of([&] { drain->run(); });
  CHECK(full.sqlstate() == out_of_room);
  postgres::Session source = world.old_db.open("test");
  const Error refused = error_of(
      [&] { sync::close_gate(source, world.tables, world.owner, std::chrono::seconds(5)); });
  CHECK(refused.sqlstate() == out_of_room);
  CHECK(refused.hint() == "You might need to increase max_locks_per_transaction");
  CHECK(sync::gate_state(source) == sync::GateState::open);

  crowded.enlarge();
  drain.emplace(crowded.drain());
  CHECK(drain->run().tables == many);
  CHECK(crowded.equal());
  crowded.shrink();
  drain.emplace(crowded.drain());
  drain->run();
  CHECK(drain->purge({}, world.clock) == 3 + many);
  drain.reset();
  Place(world).run(0, {"verify"});
}

TEST_CASE("a switch carries what was written, however many tables there are") {
  Crowded crowded;
  crowded.enlarge();
  World& world = crowded.world;
  const Place place(world);
  Writers writers(world.old_server, 2);
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  // More than are planned ahead, or looked at in one transaction.
  crowded.write(0, many, "all");
  crowded.write(0, many, "again");
  writers.stop();
  switch_databases(world, world.old_db, world.new_db);
  CHECK(crowded.equal());
  CHECK(writers.differences(world.new_db) == std::vector<std::string>{});
  postgres::Session target = world.new_db.open("check");
  CHECK(sync::gate_state(target) == sync::GateState::open);
  // And back, where only some have changed.
  Writers later(world.new_server, 2);
  crowded.write_to(world.new_db, 700, 100, "there");
  later.stop();
  place.run(0, {"follow", "--reverse", "--until-caught-up"});
  CHECK(crowded.equal());
  CHECK(later.differences(world.old_db) == std::vector<std::string>{});
}

TEST_CASE("logs are not looked at on another server than the one that is drained") {
  Crowded crowded;
  crowded.enlarge();
  World& world = crowded.world;
  const Place place(world);
  place.run(0, {"start"});
  place.run(0, {"start", "--reverse"});
  postgres::Session session = world.old_db.open("drain");
  postgres::Session beside = world.old_db.open("drain");
  postgres::Session elsewhere = world.new_db.open("drain");
  crowded.write(3, 1, "new");
  sync::ChangedTables here(session, beside, world.tables);
  CHECK(here.looks_beside());
  CHECK(here.since("1:1:").size() == 1);
  sync::ChangedTables there(session, elsewhere, world.tables);
  const Error error = error_of([&] { there.since("1:1:"); });
  CHECK(error.text() ==
        "unable to look at the logs of 'app': two sessions have reached different servers "
        "(timelines 00000001 and 00000001)");
  CHECK(error.hint() == "if this comes again, an old primary still answers under this address");
  CHECK(error.sqlstate() == "08006");
}
