// The policy merge: the source's rows over the target's own seeds, and no seed lost without a word.
#include "integration/data-sync/switching.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

/// Tables of both sides, with rows of the old and seeds of the new.
struct Merging {
  Merging(const std::string& schema, const std::string& old_rows, const std::string& seeds) {
    world.add_schema(schema);
    world.old_db.open("test").batch(old_rows);
    world.new_db.open("test").batch(seeds);
  }
  void merge(const std::string& tables) const { place.configure("  tables: {" + tables + "}\n"); }
  World world{15, 17};
  Place place{world};
};

using Cells = std::vector<std::vector<std::string>>;

Cells in_the_way(const json& result) {
  for (const json& table : result["tables"]) {
    if (table["title"] == "Rows of the target in the way") {
      return table["rows"].get<Cells>();
    }
  }
  return {};
}

const std::vector<std::string> only_look = {"preflight", "--watch", "1ms"};

void check_in_the_way(const Merging& merging, const std::string& first, const Cells& rows) {
  for (const auto& step : {only_look, {"start"}}) {
    const json refused = merging.place.run(4, step);
    CHECK(message(refused) == "unable to copy over the target's rows: " + first);
    CHECK(in_the_way(refused) == rows);
  }
}

}  // namespace

TEST_CASE("natural keys are told apart as their types do") {
  const Merging merging(
      "CREATE EXTENSION citext; "
      "CREATE COLLATION public.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = "
      "false); "
      "CREATE TABLE public.a (id int PRIMARY KEY, name citext UNIQUE NOT NULL); "
      "CREATE TABLE public.b (id int PRIMARY KEY, name text COLLATE public.blind UNIQUE NOT NULL); "
      "CREATE TABLE public.c (id int PRIMARY KEY, at numeric NOT NULL, kind char(4) NOT NULL, "
      "UNIQUE (at, kind))",
      "INSERT INTO public.a VALUES (1, 'Admin'), (2, 'Guest'); "
      "INSERT INTO public.b VALUES (1, 'Admin'), (2, 'Guest'); "
      "INSERT INTO public.c VALUES (1, 1.0, 'x'), (2, 2.0, 'x')",
      "INSERT INTO public.a VALUES (7, 'ADMIN'), (2, 'GUEST'), (9, 'other'); "
      "INSERT INTO public.b VALUES (7, 'ADMIN'), (2, 'GUEST'), (9, 'other'); "
      "INSERT INTO public.c VALUES (7, 1.00, 'x'), (2, 2.00, 'x'), (9, 1.0, 'y')");
  merging.merge("public.a: {policy: merge}, public.b: {policy: merge}, public.c: {policy: merge}");
  check_in_the_way(
      merging, "name=ADMIN of 'public.a' is id=1 in the source and id=7 in the target (and 2 more)",
      {{"public.a", "name=ADMIN", "id=1", "id=7", "other identity"},
       {"public.b", "name=ADMIN", "id=1", "id=7", "other identity"},
       {"public.c", "at=1.00, kind=x", "id=1", "id=7", "other identity"}});
  merging.world.new_db.open("mend").batch(
      "UPDATE public.a SET id = 1 WHERE id = 7; UPDATE public.b SET id = 1 WHERE id = 7; "
      "UPDATE public.c SET id = 1 WHERE id = 7");
  merging.place.run(0, {"start"});
  merging.place.run(0, {"verify"});
  postgres::Session session = merging.world.new_db.open("check");
  CHECK(World::dump(session, "a") == "(1,Admin)\n(2,Guest)\n(9,other)");
  CHECK(World::dump(session, "b") == "(1,Admin)\n(2,Guest)\n(9,other)");
  CHECK(World::dump(session, "c") == "(1,1.0,\"x   \")\n(2,2.0,\"x   \")\n(9,1.0,\"y   \")");
}

TEST_CASE("every unique key of a merged table is looked at") {
  const Merging merging(
      "CREATE TABLE public.a (id int PRIMARY KEY, code text NOT NULL UNIQUE, name text UNIQUE)",
      "INSERT INTO public.a VALUES (1, 'A', 'Admin'), (2, 'B', NULL)",
      "INSERT INTO public.a VALUES (7, 'X', 'Admin'), (9, 'Y', NULL)");
  merging.merge("public.a: {policy: merge}");
  check_in_the_way(merging, "name=Admin of 'public.a' is id=1 in the source and id=7 in the target",
                   {{"public.a", "name=Admin", "id=1", "id=7", "other identity"}});
}

TEST_CASE("NULLs in a natural key name a row where its constraint says so") {
  const bool distinct = GENERATE(true, false);
  const Merging merging(
      std::string("CREATE TABLE public.a (id int PRIMARY KEY, country text, city text, street int, "
                  "UNIQUE ") +
          (distinct ? "" : "NULLS NOT DISTINCT ") + "(country, city, street))",
      "INSERT INTO public.a VALUES (1, 'AT', NULL, 1), (2, 'AT', 'Graz', 1), (3, NULL, NULL, NULL)",
      "INSERT INTO public.a VALUES (7, 'AT', NULL, 1), (2, 'AT', 'Graz', 1), (3, NULL, NULL, "
      "NULL)");
  merging.merge("public.a: {policy: merge, key: [country, city, street]}");
  if (!distinct) {
    check_in_the_way(
        merging,
        "country=AT, city=NULL, street=1 of 'public.a' is id=1 in the source and id=7 in the "
        "target",
        {{"public.a", "country=AT, city=NULL, street=1", "id=1", "id=7", "other identity"}});
    return;
  }
  merging.place.run(0, {"start"});
  merging.place.run(0, {"verify"});
  postgres::Session session = merging.world.new_db.open("check");
  CHECK(World::dump(session, "a") == "(1,AT,,1)\n(2,AT,Graz,1)\n(3,,,)\n(7,AT,,1)");
}

// The source's row takes the identity, so the seed would be gone.
TEST_CASE("a seed whose identity another row of the source has is not merged away") {
  const Merging merging("CREATE TABLE public.a (id int PRIMARY KEY, name text NOT NULL UNIQUE)",
                        "INSERT INTO public.a VALUES (1, 'user'), (2, 'guest')",
                        "INSERT INTO public.a VALUES (1, 'auditor'), (9, 'other')");
  merging.merge("public.a: {policy: merge}");
  check_in_the_way(
      merging, "name=auditor of 'public.a' is id=1 in the target, which is name=user in the source",
      {{"public.a", "name=auditor", "name=user", "id=1", "another row in the source"}});
  merging.merge("public.a: {policy: merge, acceptTargetOnly: true}");
  merging.place.run(0, {"start"});
  postgres::Session session = merging.world.new_db.open("check");
  CHECK(World::dump(session, "a") == "(1,user)\n(2,guest)\n(9,other)");
  const auto entries = sync::read_evidence(session);
  REQUIRE(entries.size() == 1);
  CHECK(json::parse(entries.front().detail)["accepted_target_only"] ==
        json{{"public.a", {{"rows", 1}, {"keys", {"name=auditor"}}}}});
}

TEST_CASE("a drift says what refers to the target's row and what to do") {
  const Merging merging(
      "CREATE TABLE public.a (id int PRIMARY KEY, name text NOT NULL UNIQUE); "
      "CREATE TABLE public.b (id int PRIMARY KEY, a_id int REFERENCES public.a, "
      "other int REFERENCES public.a)",
      "INSERT INTO public.a VALUES (1, 'user'), (2, 'guest')",
      "INSERT INTO public.a VALUES (7, 'user'), (8, 'guest'); "
      "INSERT INTO public.b VALUES (1, 7, 7), (2, 7, NULL)");
  merging.merge("public.a: {policy: merge}, public.b: {policy: merge}");
  check_in_the_way(
      merging, "name=guest of 'public.a' is id=2 in the source and id=8 in the target (and 1 more)",
      {{"public.a", "name=guest", "id=2", "id=8", "other identity"},
       {"public.a", "name=user", "id=1", "id=7",
        "other identity; referred to by public.b (a_id): 2, public.b (other): 1"}});
  CHECK(merging.place.run(4, only_look)["error"]["hint"] ==
        "delete in the target what has another identity there, or give it the source's, with what "
        "refers to it");
}

TEST_CASE("a natural key of columns that are not there is refused by name") {
  const Merging merging("CREATE TABLE public.a (id int PRIMARY KEY, name text NOT NULL UNIQUE)", "",
                        "INSERT INTO public.a VALUES (7, 'user')");
  merging.merge("public.a: {policy: merge, key: [nme]}");
  const json refused = merging.place.run(3, only_look);
  CHECK(message(refused) ==
        "unable to move the data of 'test': table public.a has no column 'nme', which its key in "
        "sync.tables names");
}

// A sequence of the old database may come to an id of a seed at any time.
TEST_CASE("a seed whose identity the source takes later is the source's from then on") {
  const Merging merging("CREATE TABLE public.a (id int PRIMARY KEY, name text NOT NULL UNIQUE)",
                        "INSERT INTO public.a VALUES (1, 'user')",
                        "INSERT INTO public.a VALUES (2, 'two'), (3, 'three'), (4, 'four')");
  merging.merge("public.a: {policy: merge}");
  merging.place.run(0, {"start"});
  merging.world.old_db.open("test").batch(
      "INSERT INTO public.a VALUES (2, 'guest'), (3, 'gone'); DELETE FROM public.a WHERE id = 3");
  merging.place.run(0, {"follow", "--until-caught-up"});
  postgres::Session session = merging.world.new_db.open("check");
  CHECK(World::dump(session, "a") == "(1,user)\n(2,guest)\n(3,three)\n(4,four)");
  merging.place.run(0, {"verify"});
}

TEST_CASE("seeds that only the new database has go back with what refers to them") {
  Merging merging("CREATE TABLE public.a (id int PRIMARY KEY, name text NOT NULL UNIQUE)",
                  "INSERT INTO public.a VALUES (1, 'user')",
                  "INSERT INTO public.a VALUES (7, 'seven'), (8, 'eight')");
  merging.merge("public.a: {policy: merge}");
  merging.place.run(0, {"start"});
  merging.place.run(0, {"start", "--reverse"});
  switch_databases(merging.world, merging.world.old_db, merging.world.new_db);
  merging.world.new_db.open("test").batch("UPDATE public.a SET name = 'SEVEN' WHERE id = 7");
  merging.place.run(0, {"follow", "--reverse", "--until-caught-up"});
  merging.place.run(0, {"verify", "--reverse"});
  postgres::Session session = merging.world.old_db.open("check");
  CHECK(World::dump(session, "a") == "(1,user)\n(7,SEVEN)\n(8,eight)");
}

TEST_CASE("columns that one side alone has are refused whatever the policy") {
  const Merging merging(
      "CREATE TABLE public.a (id int PRIMARY KEY, name text NOT NULL UNIQUE)", "",
      "ALTER TABLE public.a ADD given text DEFAULT 'd', ADD required text NOT NULL, "
      "ADD doubled int GENERATED ALWAYS AS (id * 2) STORED, "
      "ADD counted int GENERATED ALWAYS AS IDENTITY");
  merging.world.old_db.open("test").batch("ALTER TABLE public.a ADD gone text");
  const std::string policies = GENERATE("public.a: {policy: merge}", "public.a: {policy: replace}");
  merging.merge(policies);
  const json refused = merging.place.run(3, only_look);
  std::vector<std::string> said;
  for (const json& check : refused["checks"]) {
    if (check["outcome"] == "fail") {
      said.push_back(check["name"].get<std::string>() + " " + check["detail"].get<std::string>());
    }
  }
  const auto new_only = [](const std::string& column) {
    return "table public.a column '" + column +
           "' exists in the new database only, so going back would lose it";
  };
  CHECK(said ==
        std::vector<std::string>{"table public.a column 'gone' is missing in the new database",
                                 new_only("given"), new_only("required"), new_only("doubled"),
                                 new_only("counted")});
}
