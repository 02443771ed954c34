// Who makes the close of a gate wait, so that a switch is not begun beside them.
#include "cutover/switch_guards.h"
#include "fixtures/error_of.h"
#include "integration/data-sync/place.h"
#include "integration/sync/obstacles.h"

using namespace crossover;
using namespace crossover::test;

namespace {

struct Guarded {
  void look(bool autovacuum_yields) {
    cutover::require_quiet_source(session, world.tables, std::chrono::hours(1), autovacuum_yields);
  }
  std::string refusal(bool autovacuum_yields) {
    const Error error = error_of([&] { look(autovacuum_yields); });
    CHECK(error.kind() == ErrorKind::precondition);
    return error.message();
  }
  World world{15, 17};
  postgres::Session session = world.old_db.open("guard");
};

}  // namespace

TEST_CASE("no switch beside a vacuum that does not yield") {
  Guarded guarded;
  guarded.look(false);
  guarded.look(true);
  guarded.world.old_server.set("autovacuum_naptime", "1");
  SECTION("that somebody has typed") {
    {
      const Vacuum vacuum(guarded.world);
      for (const bool yields : {true, false}) {
        CHECK(guarded.refusal(yields) ==
              "unable to switch: 'VACUUM public.counter' is running on a synced table");
      }
      guarded.session.batch("CREATE ROLE mover; SET SESSION AUTHORIZATION mover");
      CHECK(guarded.refusal(true) ==
            "unable to switch: '<insufficient privilege>' is running on a synced table");
      guarded.session.batch("RESET SESSION AUTHORIZATION");
    }
    guarded.look(false);
  }
  SECTION("that is the server's, where it can't be made to yield in time") {
    const Autovacuum vacuum(guarded.world, Autovacuum::Kind::usual);
    guarded.look(true);
    CHECK_THAT(guarded.refusal(false),
               Catch::Matches("unable to switch: 'autovacuum: VACUUM( ANALYZE)? public.counter' is "
                              "running on a synced table"));
  }
  SECTION("that is against wraparound") {
    const Autovacuum vacuum(guarded.world, Autovacuum::Kind::against_wraparound);
    CHECK_THAT(
        guarded.refusal(true),
        Catch::Matches("unable to switch: 'autovacuum: VACUUM( ANALYZE)? public.counter \\(to "
                       "prevent wraparound\\)' is running on a synced table"));
  }
}

TEST_CASE("no switch beside a prepared transaction") {
  Guarded guarded;
  guarded.world.old_server.set("max_prepared_transactions", "5");
  guarded.world.old_server.restart();
  guarded.session = guarded.world.old_db.open("guard");
  postgres::Session other = guarded.world.old_db.open("prepared");
  other.batch(
      "BEGIN; UPDATE public.counter SET value = 1 WHERE id = 2; PREPARE TRANSACTION 'later'");
  CHECK_THAT(guarded.refusal(true),
             Catch::Matches("unable to switch: prepared transaction 'later' of 20[0-9: -]+ UTC is "
                            "open"));
  other.batch("ROLLBACK PREPARED 'later'");
  guarded.look(true);
}
