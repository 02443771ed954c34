// A step that is run at the wrong time, or was killed half-way, must never cost what the service
// has written.
#include <future>

#include "base/retry.h"
#include "integration/data-sync/halted.h"
#include "sync/gate.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

void write(World& world, Side side, const std::string& name) {
  world.databases.at(side)
      .open("application")
      .query("INSERT INTO public.role (id, name) SELECT max(id) + 1, $1 FROM public.role", {name});
}

std::int64_t count(World& world, Side side, const std::string& name) {
  return world.databases.at(side)
      .open("check")
      .query("SELECT count(*) FROM public.role WHERE name = $1", {name})
      .int64(0, 0);
}

}  // namespace

TEST_CASE("start never copies over the database that the service lives on") {
  World world(15, 17);
  const Place place(world);
  move_to_new(place);
  write(world, Side::new_side, "acknowledged");
  CHECK(place.run(0, {"start"})["changed"] == false);
  SECTION("after finish, which makes a copy due") { place.run(0, {"finish"}); }
  SECTION("where the new side forgot everything") { place.run(0, {"remove", "--side", "new"}); }
  SECTION("where the old side forgot everything") {
    place.run(0, {"remove", "--side", "old", "--open-closed-side"});
  }
  const json refused = place.run(3, {"start"});
  CHECK(message(refused).starts_with("unable to "));
  CHECK(count(world, Side::new_side, "acknowledged") == 1);
  postgres::Session session = world.new_db.open("check");
  CHECK(sync::gate_state(session) != sync::GateState::closed);
}

TEST_CASE("what was written while nothing was captured is copied, not followed past") {
  World world(15, 17);
  const Place place(world);
  place.run(0, {"start"});
  place.run(0, {"verify"});
  const auto unwatched = [&](const std::function<void()>& take_off) {
    take_off();
    write(world, Side::old_side, "unseen");
  };
  SECTION("capture was taken off whole, as at sync.logLimit") {
    unwatched([&] {
      postgres::Session session = world.old_db.open("limit");
      sync::remove_capture(session, sync::read_tables(session), world.install());
    });
  }
  SECTION("an abort was killed when the functions were empty and all triggers stood") {
    unwatched([&] { REQUIRE(place.start({"abort"}, "capture-disarmed:kill").signal == 9); });
  }
  SECTION("an abort was killed between two tables") {
    unwatched([&] { REQUIRE(place.start({"abort"}, "capture-removed#2:kill").signal == 9); });
  }
  SECTION("somebody dropped one trigger") {
    unwatched([&] {
      world.old_db.open("hand").batch("DROP TRIGGER crossover_capture_insert ON public.role");
    });
  }
  CHECK(message(place.run(3, {"follow", "--until-caught-up"}))
            .starts_with("unable to drain from the old database: "));
  CHECK(count(world, Side::new_side, "unseen") == 0);
  CHECK(place.run(0, {"start"})["changed"] == true);
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(count(world, Side::new_side, "unseen") == 1);
  CHECK(world.equal_by_sql());
  CHECK(place.run(0, {"start"})["changed"] == false);
}

TEST_CASE("a migration that begins again copies again") {
  World world(15, 17);
  const Place place(world);
  place.run(0, {"start"});
  place.run(0, {"verify"});
  place.run(0, {"remove"});  // the new side stays closed, and so does what it knows
  write(world, Side::old_side, "in between");
  place.run(0, {"start"});
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(count(world, Side::new_side, "in between") == 1);
  CHECK(world.equal_by_sql());
}

TEST_CASE("nothing is carried into a database that the service lives on") {
  World world(15, 17);
  const Place place(world);
  move_to_new(place);
  place.run(0, {"follow", "--reverse", "--until-caught-up"});
  write(world, Side::new_side, "not carried yet");
  // The new database is given up, and the old one is written again: the same id.
  make_live(world, Side::old_side);
  write(world, Side::old_side, "acknowledged");
  CHECK(message(place.run(3, {"follow", "--reverse", "--until-caught-up"})) ==
        "unable to carry rows to the old database: the service lives there");
  CHECK(count(world, Side::old_side, "acknowledged") == 1);
  CHECK(count(world, Side::old_side, "not carried yet") == 0);
  // Nor the other way: what only the lost database has is looked for there.
  world.old_db.open("abandon").batch("UPDATE crossover.migration SET phase = 'new-abandoned'");
  for (const char* direction : {"--reverse", "--until-caught-up"}) {
    CHECK(message(place.run(3, {"follow", "--until-caught-up", direction})) ==
          "unable to follow: the new database was given up by `route-switch rollback "
          "--accept-loss`");
  }
  CHECK(count(world, Side::new_side, "not carried yet") == 1);
}

TEST_CASE("a follower that was stopped in between sets no sequence of a live database back") {
  World world(15, 17);
  const Place place(world);
  move_to_new(place);
  world.new_db.open("application")
      .query("SELECT nextval('public.role_id_seq') FROM generate_series(1, 100)");
  // It has nothing to carry, and is about to bring the sequence up.
  Halted follower(place, {"follow", "--reverse", "--until-caught-up"}, "drain-sequences");
  std::atomic<bool> live = false;
  std::future<void> back = std::async(std::launch::async, [&] {
    make_live(world, Side::old_side);
    live = true;
  });
  // It waits for the follower; if it did not, the service would be there.
  postgres::Session old_side = world.old_db.open("application");
  REQUIRE(
      poll(world.clock, world.stop, std::chrono::seconds(20), std::chrono::milliseconds(5), [&] {
        return live ||
               old_side.query("SELECT count(*) FROM pg_locks WHERE NOT granted").int64(0, 0) > 0;
      }));
  const bool waits = !live;
  std::int64_t handed_out = 0;
  const auto serve = [&] {
    handed_out = old_side
                     .query(
                         "SELECT max(nextval('public.role_id_seq')) FROM "
                         "generate_series(1, 5000)")
                     .int64(0, 0);
  };
  if (!waits) {
    serve();
  }
  follower.go_on();
  back.get();
  if (waits) {
    serve();
  }
  CHECK(waits);
  CHECK(old_side.query("SELECT nextval('public.role_id_seq')").int64(0, 0) > handed_out);
}

TEST_CASE("over its limit a log goes even when the target is away") {
  World world(15, 17);
  const Place place(world);
  place.run(0, {"start"});
  Writers writers(world.old_server, 2);
  world.new_server.stop();
  // Below it the log is what the target will need.
  CHECK(message(place.run(1, {"follow"})).starts_with("unable to connect to '127.0.0.1:"));
  postgres::Session limit = world.old_db.open("limit");
  CHECK(sync::capture_stands(limit, sync::read_tables(limit)));
  place.configure("  logLimit: 1\n");
  const json failed = place.run(1, {"follow"});
  CHECK(message(failed).starts_with("unable to follow the old database: its capture log has "));
  CHECK(message(failed).ends_with(
      " bytes, more than sync.logLimit (1); capture was taken off to spare the service"));
  CHECK(failed["error"]["hint"] ==
        "mend the target or raise sync.logLimit, then run `data-sync start`, which copies "
        "everything again");
  writers.stop();
  CHECK(writers.failures() == 0);
  CHECK(writers.last_failure().empty());
  postgres::Session old_side = world.old_db.open("check");
  CHECK(old_side.query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crossover_capture_%'")
            .int64(0, 0) == 0);
  world.new_server.start();
  write(world, Side::old_side, "unseen");
  place.configure("");
  place.run(0, {"start"});
  place.run(0, {"follow", "--until-caught-up"});
  CHECK(world.equal_by_sql());
  CHECK(writers.differences(world.old_db) == std::vector<std::string>{});
  CHECK(writers.differences(world.new_db) == std::vector<std::string>{});
}

TEST_CASE("a merged table that is copied again keeps the target's own rows and no others") {
  World world(15, 17);
  const Place place(world);
  world.new_db.open("seed").batch("INSERT INTO public.role (id, name) VALUES (900, 'auditor')");
  place.configure("  tables: {public.role: {policy: merge}}\n");
  place.run(0, {"start"});
  world.old_db.open("hand").batch(
      "DROP TRIGGER crossover_capture_delete ON public.role;"
      "UPDATE public.event SET role_id = NULL WHERE role_id = 7;"
      "DELETE FROM public.role WHERE id = 7");
  place.run(0, {"start"});
  CHECK(count(world, Side::new_side, "auditor") == 1);
  CHECK(count(world, Side::new_side, "role 7") == 0);
  place.run(0, {"verify"});
}

TEST_CASE("a start whose tables are not those that the new side remembers is refused") {
  World world(15, 17);
  const Place place(world);
  place.run(0, {"start"});
  place.run(0, {"remove"});
  place.configure("  tables: {public.role: {policy: skip}}\n");
  CHECK(message(place.run(3, {"start"})) ==
        "unable to start migration 'test': the new database remembers an earlier start with other "
        "tables, columns or policies");
  place.run(0, {"remove", "--side", "new", "--open-closed-side"});
  place.run(0, {"start"});
}
