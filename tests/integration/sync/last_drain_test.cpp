// The last drain of a switch in its two parts, and the gate that closes beside it.
#include <catch2/catch.hpp>

#include "fixtures/error_of.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

/// Both databases with the same rows, a drain of theirs, and the source's session.
struct Moving {
  World world{15, 17};
  Drain drain;
  postgres::Session source;

  Moving() : drain(make()), source(world.old_db.open("test")) {}
  Drain make() {
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
    return {world.databases,   Direction::forward, world.tables,
            world.apply_token, world.owner,        world.log};
  }
  void prepare() { drain.prepare_finish(world.owner, 100, std::chrono::seconds(30)); }
  DrainReport finish() {
    GateClosing closing(source, world.tables, world.owner, std::chrono::seconds(5));
    return drain.finish([](std::string_view) {}, [&] { closing.commit(); });
  }
  GateState gate(const Database& database) {
    postgres::Session session = database.open("test");
    return gate_state(session);
  }
};

}  // namespace

TEST_CASE("what is written between the two parts of the last drain arrives with its second") {
  Moving moving;
  moving.source.batch("UPDATE public.counter SET value = 7 WHERE id = 1");
  moving.prepare();
  CHECK(moving.gate(moving.world.new_db) == GateState::closed);  // as anybody else sees it
  moving.source.batch(
      "UPDATE public.counter SET value = 8 WHERE id < 3; INSERT INTO public.note (text) VALUES "
      "('late'); TRUNCATE public.tree; INSERT INTO public.tree VALUES (1, NULL); "
      "INSERT INTO public.event (token) SELECT 'many ' || i FROM generate_series(1, 6000) i; "
      "UPDATE public.part SET at = '2024-05-05' WHERE id = 9; "
      "DELETE FROM public.\"Odd \"\"Name\" WHERE \"Key A\" = 'key 4'");
  const DrainReport report = moving.finish();
  CHECK(report.tables == 6);
  CHECK(report.keys == 2 + 6000 + 2 + 1);
  CHECK(moving.gate(moving.world.old_db) == GateState::closed);
  CHECK(moving.gate(moving.world.new_db) == GateState::open);
  CHECK(moving.world.equal_by_sql());
}

TEST_CASE("a schema that changes between the two parts of the last drain is refused") {
  const auto [change, shown] = GENERATE(table<std::string, std::string>(
      {{"ALTER TABLE public.role ADD COLUMN colour text", "+ column public.role.colour text f"},
       // This one fails what is read, too.
       {"ALTER TABLE public.counter DROP COLUMN updated_at CASCADE",
        "- column public.counter.updated_at timestamp with time zone t"}}));
  CAPTURE(change);
  Moving moving;
  moving.source.batch("UPDATE public.counter SET value = 7 WHERE id = 1");
  postgres::Session target = moving.world.new_db.open("test");
  const std::string before = World::dump(target, "counter");
  moving.prepare();
  moving.source.batch("ALTER TABLE public.counter DISABLE TRIGGER touch");
  moving.source.batch(change + "; UPDATE public.counter SET value = 8 WHERE id = 1");
  const Error error = error_of([&] { moving.finish(); });
  CHECK(error.kind() == ErrorKind::precondition);
  CHECK(error.text() == "unable to drain from the old database: its schema has changed: " + shown);
  CHECK(moving.gate(moving.world.new_db) == GateState::closed);
  CHECK(World::dump(target, "counter") == before);
}

TEST_CASE("a change of the catalogue that capture does not rest on is no hindrance") {
  Moving moving;
  moving.prepare();
  moving.source.batch("GRANT SELECT ON public.role TO PUBLIC");
  moving.finish();
  CHECK(moving.gate(moving.world.new_db) == GateState::open);
}

TEST_CASE("rows that a trigger of the target changes are noticed and nothing is opened") {
  Moving moving;
  postgres::Session target = moving.world.new_db.open("test");
  target.batch("ALTER TABLE public.counter ENABLE ALWAYS TRIGGER touch");
  target.batch(
      "CREATE FUNCTION public.falsify() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN NEW.value = NEW.value + 1; RETURN NEW; END'; "
      "CREATE TRIGGER falsify BEFORE INSERT ON public.counter FOR EACH ROW EXECUTE FUNCTION "
      "public.falsify(); ALTER TABLE public.counter ENABLE ALWAYS TRIGGER falsify");
  moving.prepare();
  moving.source.batch("UPDATE public.counter SET value = 7 WHERE id = 1");
  const Error error = error_of([&] { moving.finish(); });
  CHECK(error.kind() == ErrorKind::conflict);
  CHECK(error.text() ==
        "unable to verify 'public.counter': the rows applied last differ between the two "
        "databases");
  CHECK(moving.gate(moving.world.new_db) == GateState::closed);
}

TEST_CASE("what fails before the commit leaves the target closed and as it was") {
  Moving moving;
  postgres::Session target = moving.world.new_db.open("test");
  const std::string before = World::dump(target, "counter");
  moving.prepare();
  moving.source.batch("UPDATE public.counter SET value = 7 WHERE id = 1");
  {
    const GateClosing closing(moving.source, moving.world.tables, moving.world.owner,
                              std::chrono::seconds(5));
    const Error error = error_of([&] {
      moving.drain.finish([](std::string_view) {},
                          [] { throw Error(ErrorKind::failure, "unable to close"); });
    });
    CHECK(error.text() == "unable to close");
  }
  CHECK(moving.gate(moving.world.old_db) == GateState::open);
  CHECK(moving.gate(moving.world.new_db) == GateState::closed);
  CHECK(World::dump(target, "counter") == before);
  moving.drain.run();
  CHECK(moving.world.equal_by_sql());
}

TEST_CASE("a gate that is being closed keeps writers out first and then refuses them afterwards") {
  Moving moving;
  postgres::Session writer = moving.world.old_server.connect("app", "writer");
  writer.batch("SET lock_timeout = 100");
  const auto write = [&] { writer.query("UPDATE public.counter SET value = 1 WHERE id = 1"); };
  {
    const GateClosing closing(moving.source, moving.world.tables, moving.world.owner,
                              std::chrono::seconds(5));
    CHECK(error_of(write).sqlstate() == "55P03");
    CHECK(moving.gate(moving.world.old_db) == GateState::open);
  }
  write();  // it went without having closed anything
  GateClosing closing(moving.source, moving.world.tables, moving.world.owner,
                      std::chrono::seconds(5));
  closing.commit();
  CHECK(moving.gate(moving.world.old_db) == GateState::closed);
  CHECK(error_of(write).sqlstate() == "25006");
}

TEST_CASE("a session that was prepared opens the tables of a gate without reading the catalogue") {
  Moving moving;
  const auto scans_to_open_all = [&](postgres::Session& session) {
    const std::string count =
        "SELECT pg_stat_get_xact_numscans('pg_catalog.pg_attribute_relid_attnum_index'::regclass)";
    const postgres::Transaction transaction(session);
    session.query(count);  // which reads something itself when it is new
    const std::int64_t before = session.query(count).int64(0, 0);
    for (const std::string& relation : relation_names(moving.world.tables)) {
      session.batch("SELECT pg_relation_size(" + postgres::quote_literal(relation) + ")");
    }
    return session.query(count).int64(0, 0) - before;
  };
  postgres::Session prepared = moving.world.old_db.open("test");
  prepare_closing(prepared, moving.world.tables, std::chrono::seconds(5));
  CHECK_FALSE(prepared.in_transaction());
  CHECK(scans_to_open_all(prepared) == 0);
  postgres::Session unprepared = moving.world.old_db.open("test");
  CHECK(scans_to_open_all(unprepared) > 0);
}

TEST_CASE("preparing to close a gate waits for nobody for longer than it may") {
  Moving moving;
  postgres::Session other = moving.world.old_db.open("other");
  other.batch("BEGIN; LOCK TABLE public.counter IN ACCESS EXCLUSIVE MODE");
  const Error error = error_of(
      [&] { prepare_closing(moving.source, moving.world.tables, std::chrono::milliseconds(100)); });
  CHECK(error.sqlstate() == "55P03");
  CHECK_FALSE(moving.source.in_transaction());
}

TEST_CASE("who is not the owner any more closes nothing and holds nothing up") {
  Moving moving;
  const Error error = error_of([&] {
    const GateClosing closing(moving.source, moving.world.tables, "another",
                              std::chrono::seconds(5));
  });
  CHECK(error.kind() == ErrorKind::locked);
  CHECK(error.text() ==
        "unable to switch the gate: another process has become the owner of this migration");
  CHECK_FALSE(moving.source.in_transaction());
  postgres::Session writer = moving.world.old_server.connect("app", "writer");
  writer.query("UPDATE public.counter SET value = 1 WHERE id = 1");
}
