// Every right that a migration needs, lacking in one database alone: it is said before anything is
// touched, and the statement that is said with it gives the right.
#include "integration/data-sync/mover.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

/// A right that is taken away, and what is said then.
struct Lack {
  std::string sql;
  std::string text;
};

const std::vector<Lack>& lacks() {
  static const std::vector<Lack> all = {
      {"REVOKE SET ON PARAMETER session_replication_role FROM mover",
       "role 'mover' may not set session_replication_role: GRANT SET ON PARAMETER "
       "session_replication_role TO \"mover\""},
      {"ALTER DATABASE app OWNER TO postgres",
       "role 'mover' may not create a schema in it: GRANT CREATE ON DATABASE \"app\" TO \"mover\""},
      {"REVOKE TEMPORARY ON DATABASE app FROM PUBLIC",
       "role 'mover' may not create temporary tables in it: GRANT TEMPORARY ON DATABASE \"app\" TO "
       "\"mover\""},
      {"REVOKE USAGE ON SCHEMA public FROM PUBLIC",
       "role 'mover' may not use schema 'public': GRANT USAGE ON SCHEMA public TO \"mover\""},
      {"CREATE ROLE \"the Clerk\"; ALTER TABLE public.tree OWNER TO \"the Clerk\"",
       "role 'mover' has not the rights of 'the Clerk', which owns 1 of its relations "
       "(public.tree): GRANT \"the Clerk\" TO \"mover\""},
      {"CREATE ROLE archivist; ALTER SEQUENCE public.ticket OWNER TO archivist",
       "role 'mover' has not the rights of 'archivist', which owns 1 of its relations "
       "(public.ticket): GRANT \"archivist\" TO \"mover\""},
      {"CREATE ROLE analyst; ALTER MATERIALIZED VIEW public.totals OWNER TO analyst",
       "role 'mover' has not the rights of 'analyst', which owns 1 of its relations "
       "(public.totals): GRANT \"analyst\" TO \"mover\""},
      {"REVOKE DELETE, TRIGGER ON public.note, public.part_2024 FROM keeper",
       "role 'mover' may not DELETE, TRIGGER on 2 of its relations: GRANT DELETE, TRIGGER ON "
       "public.note, public.part_2024 TO \"mover\""},
      {"ALTER TABLE public.role ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
       "role 'mover' is under the row security of 1 of its relations (public.role), which hides "
       "rows from it: ALTER ROLE \"mover\" BYPASSRLS"},
  };
  return all;
}

const std::vector<std::string> look = {"preflight", "--watch", "1ms"};

std::string statement_of(const std::string& text) { return text.substr(text.rfind(": ") + 2); }

}  // namespace

TEST_CASE("a right that one database alone lacks is named with the statement that gives it") {
  World world(15, 17);
  world.add_schema(
      "CREATE SEQUENCE public.ticket; "
      "CREATE MATERIALIZED VIEW public.totals AS SELECT count(*) FROM public.role");
  const Mover mover(world);
  const bool of_new = GENERATE(true, false);
  const PostgresServer& server = of_new ? world.new_server : world.old_server;
  for (const PostgresServer* each : {&world.old_server, &world.new_server}) {
    Mover::give_all(*each);
    Mover::run(*each,
               "ALTER SEQUENCE public.ticket OWNER TO keeper; "
               "ALTER MATERIALIZED VIEW public.totals OWNER TO keeper");
  }
  mover.place.run(0, look);
  for (const Lack& lack : lacks()) {
    CAPTURE(lack.sql);
    Mover::run(server, lack.sql);
    for (const auto& step : {look, {"start"}}) {
      const std::string object = of_new ? "new database" : "old database";
      const json refused = mover.place.run(3, step);
      CHECK(checks(refused, "fail") == std::vector{object + ": " + lack.text});
      CHECK(message(refused) ==
            fmt::format("unable to move the data of 'test': {} {}", object, lack.text));
    }
    CHECK(mover.untouched());
    Mover::run(server, statement_of(lack.text));
    CHECK(checks(mover.place.run(0, look), "fail").empty());
  }
}

TEST_CASE("tables of several owners are named for each owner") {
  World world(15, 17);
  const Mover mover(world);
  Mover::give_all(world.old_server);
  Mover::give_all(world.new_server);
  Mover::run(world.new_server,
             "CREATE ROLE a; CREATE ROLE b; ALTER TABLE public.tree OWNER TO a; "
             "ALTER TABLE public.note OWNER TO b; ALTER TABLE public.counter OWNER TO b");
  const json refused = mover.place.run(3, look);
  CHECK(checks(refused, "fail") ==
        std::vector<std::string>{
            "new database: role 'mover' has not the rights of 'a', which owns 1 of its relations "
            "(public.tree): GRANT \"a\" TO \"mover\"",
            "new database: role 'mover' has not the rights of 'b', which owns 2 of its relations "
            "(public.counter, ...): GRANT \"b\" TO \"mover\""});
}

// From PostgreSQL 16 on each membership says for itself whether it is inherited.
TEST_CASE("a role that would have to SET ROLE is told how to inherit the owner's rights") {
  World world(15, 17);
  const Mover mover(world);
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    Mover::run(*server, "ALTER ROLE mover NOINHERIT; GRANT CREATE ON DATABASE app TO mover");
    Mover::give_all(*server);
  }
  const json refused = mover.place.run(3, look);
  const auto text = [](const std::string& side, const std::string& statement) {
    return side +
           " database: role 'mover' has not the rights of 'keeper', which owns 11 of its relations "
           "(public.\"Odd \"\"Name\", ...): " +
           statement;
  };
  const std::vector<std::string> expected = {
      text("old", "ALTER ROLE \"mover\" INHERIT"),
      text("new", "GRANT \"keeper\" TO \"mover\" WITH INHERIT TRUE")};
  CHECK(checks(refused, "fail") == expected);
  const auto hidden = [](const std::string& side, const std::string& statement) {
    return side +
           " database: role 'mover' can't see what other sessions do, so long transactions are "
           "noticed only when a lock is not to be had: " +
           statement;
  };
  CHECK(checks(refused, "warn") ==
        std::vector{hidden("old", "ALTER ROLE \"mover\" INHERIT"),
                    hidden("new", "GRANT \"pg_read_all_stats\" TO \"mover\" WITH INHERIT TRUE")});
  CHECK(mover.untouched());
  Mover::run(world.old_server, statement_of(expected.front()));
  Mover::run(world.new_server, statement_of(expected.back()));
  mover.place.run(0, {"start"});
  CHECK(world.equal_by_sql());
}

TEST_CASE("a new database before 15 takes no role but a superuser, on the way home too") {
  World world(17, 14);
  const Mover mover(world);
  Mover::give_all(world.old_server);
  Mover::give_all(world.new_server);
  CHECK(checks(mover.place.run(3, look), "fail") ==
        std::vector<std::string>{"new database: role 'mover' may not set session_replication_role: "
                                 "before PostgreSQL 15 only a superuser may"});
  CHECK(mover.untouched());
}
