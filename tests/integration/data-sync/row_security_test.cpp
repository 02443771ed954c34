// Rows that a policy hides from a role are no rows that may be missing. The sessions of the
// migration have row_security off: PostgreSQL refuses them a statement rather than hiding a row.
#include "integration/data-sync/mover.h"
#include "integration/data-sync/switching.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

// All rows are hidden from all but the application.
constexpr const char* hides_all =
    "ALTER TABLE public.role ENABLE ROW LEVEL SECURITY; "
    "ALTER TABLE public.counter ENABLE ROW LEVEL SECURITY; "
    "ALTER TABLE public.part ENABLE ROW LEVEL SECURITY; "
    "ALTER TABLE public.note ENABLE ROW LEVEL SECURITY; "
    "CREATE POLICY of_writer ON public.role TO writer USING (true); "
    "CREATE POLICY of_writer ON public.counter TO writer USING (true); "
    "CREATE POLICY of_writer ON public.part TO writer USING (true); "
    "CREATE POLICY of_writer ON public.note TO writer USING (true)";

constexpr const char* binds_owner =
    "ALTER TABLE public.role FORCE ROW LEVEL SECURITY; "
    "ALTER TABLE public.counter FORCE ROW LEVEL SECURITY; "
    "ALTER TABLE public.part FORCE ROW LEVEL SECURITY; "
    "ALTER TABLE public.note FORCE ROW LEVEL SECURITY";

void give_both(const World& world, const std::string& more = "") {
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    Mover::give_all(*server);
    Mover::run(*server, more);
  }
}

/// There and back under load.
void there_and_back(const Mover& mover) {
  World& world = mover.world;
  Writers writers(world.old_server, 2);
  mover.place.run(0, {"start"});
  mover.place.run(0, {"start", "--reverse"});
  mover.place.run(0, {"verify"});
  carry_the_rest(mover.place, writers);
  switch_databases(world, AsMover(world.old_server), AsMover(world.new_server));
  Writers later(world.new_server, 2);
  mover.place.run(0, {"verify", "--reverse"});
  later.stop();
  CHECK(later.last_failure().empty());
  mover.place.run(0, {"follow", "--reverse", "--until-caught-up"});
  CHECK(world.equal_by_sql());
  CHECK(later.differences(world.old_db) == std::vector<std::string>{});
}

}  // namespace

TEST_CASE("policies hide no row from a member of the owner") {
  World world(15, 17);
  const Mover mover(world);
  give_both(world, hides_all);
  there_and_back(mover);
}

TEST_CASE("policies that bind the owner too hide no row from a role with BYPASSRLS") {
  World world(15, 17);
  const Mover mover(world);
  give_both(world, hides_all);
  give_both(world, binds_owner);
  give_both(world, "ALTER ROLE mover BYPASSRLS");
  there_and_back(mover);
}

TEST_CASE("policies that bind the owner too are refused before anything is touched") {
  World world(15, 17);
  const Mover mover(world);
  const bool owner = GENERATE(true, false);
  CAPTURE(owner);
  give_both(world, hides_all);
  give_both(world, binds_owner);
  if (owner) {
    give_both(world, "REASSIGN OWNED BY keeper TO mover");
  }
  for (const char* verb : {"preflight", "start"}) {
    const std::string text =
        "role 'mover' is under the row security of 4 of its relations (public.counter, ...), which "
        "hides rows from it: ALTER ROLE \"mover\" BYPASSRLS";
    CHECK(checks(mover.place.run(3, {verb}), "fail") ==
          std::vector{"old database: " + text, "new database: " + text});
  }
  CHECK(mover.untouched());
}

// Both sides would hide the same, and compare as equal.
TEST_CASE("a policy that binds the owner only later stops every step and hides no row") {
  World world(15, 17);
  const Mover mover(world);
  give_both(world, hides_all);
  const bool of_new = GENERATE(true, false);
  mover.place.run(0, {"start"});
  mover.place.run(0, {"verify"});
  world.old_server.connect("app").batch(
      "UPDATE public.counter SET value = 77; INSERT INTO public.note (text) VALUES ('late')");
  const PostgresServer& server = of_new ? world.new_server : world.old_server;
  const auto counters = [&] {
    postgres::Session session = world.new_db.open("check");
    return World::dump(session, "counter");
  };
  const std::string before = counters();
  Mover::run(server, binds_owner);
  for (const std::vector<std::string>& step :
       std::vector<std::vector<std::string>>{{"follow", "--until-caught-up"}, {"verify"}}) {
    CAPTURE(step.front());
    const json refused = mover.place.run(3, step);
    CHECK(message(refused) ==
          fmt::format("unable to run a statement on '127.0.0.1:{}/app': query would be affected by "
                      "row-level security policy for table \"counter\"",
                      server.port()));
    CHECK(refused["error"]["hint"] ==
          "`data-sync preflight` names the right that the migration's role lacks, and the "
          "statement that gives it");
  }
  CHECK(counters() == before);
  give_both(world, "ALTER ROLE mover BYPASSRLS");
  mover.place.run(0, {"follow", "--until-caught-up"});
  mover.place.run(0, {"verify"});
  CHECK(world.equal_by_sql());
}

// Else it would be refreshed with the rows that its owner may not see, or not at all.
TEST_CASE("a materialized view is refreshed as its owner would") {
  World world(15, 17);
  world.add_schema("CREATE MATERIALIZED VIEW public.roles AS SELECT name FROM public.role");
  const Mover mover(world);
  give_both(world,
            "CREATE ROLE analyst; GRANT analyst TO mover; GRANT SELECT ON public.role TO analyst; "
            "ALTER TABLE public.role ENABLE ROW LEVEL SECURITY; "
            "CREATE POLICY few ON public.role TO analyst USING (name IN ('role 3', 'role 5')); "
            "ALTER MATERIALIZED VIEW public.roles OWNER TO analyst");
  mover.place.run(0, {"start"});
  postgres::Session session = world.new_db.open("check");
  CHECK(World::dump(session, "roles") == "(\"role 3\")\n(\"role 5\")");
  CHECK(world.equal_by_sql());
}
