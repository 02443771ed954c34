// What a person may point the task at by mistake: refused before anything is written, or carried.
#include "integration/data-sync/structure.h"
#include "sync/state.h"

using namespace crossover;
using namespace crossover::test;
using nlohmann::json;

namespace {

using sync::Side;

bool has_state(const World& world, Side side) {
  return world.databases.at(side)
      .open("check")
      .query("SELECT to_regnamespace('crossover') IS NOT NULL")
      .boolean(0, 0);
}

/// `arguments` is refused, and neither database knows of it afterwards.
std::string refusal(const Place& place, const std::vector<std::string>& arguments = {"start"}) {
  const json refused = place.run(3, arguments);
  CHECK_FALSE(has_state(place.world, Side::old_side));
  CHECK_FALSE(has_state(place.world, Side::new_side));
  return message(refused);
}

/// Of a preflight, each as "object: text": what is told of `object` at level `outcome`.
std::vector<std::string> told(const json& result, const std::string& outcome) {
  std::vector<std::string> list;
  for (const json& check : result["checks"]) {
    if (check["outcome"] == outcome) {
      list.push_back(check["name"].get<std::string>() + ": " + check["detail"].get<std::string>());
    }
  }
  return list;
}

/// State that another migration has left in one of the databases.
void claim(World& world, Side side, const std::string& migration) {
  postgres::Session session = world.databases.at(side).open("claim");
  sync::install_state(session, migration, side, world.apply_token);
  sync::record_tables(session, world.tables, {"public"});
  sync::install_gate(session, world.tables, world.apply_token, side == Side::new_side,
                     world.install());
  sync::install_capture(session, world.tables, world.apply_token, world.install());
}

void make_again(const PostgresServer& server, const std::string& encoding) {
  postgres::Session session = server.connect();
  session.batch("DROP DATABASE app");
  session.batch("CREATE DATABASE app TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING '" +
                encoding + "'");
}

constexpr const char* mend =
    "every failed check of `data-sync preflight` must be mended or answered in crossover.yaml";

}  // namespace

TEST_CASE("a database that another migration has claimed is left to that one") {
  World world(15, 17);
  const Place place(world);
  const Side side = GENERATE(Side::old_side, Side::new_side);
  CAPTURE(sync::name(side));
  claim(world, side, "other");
  place.configure("  logLimit: 1\n");  // not even that is ours to keep
  const std::string before = structures(world);
  const std::string expected = fmt::format(
      "unable to use database 'app' for migration 'test': it takes part in migration 'other' as "
      "the {} side",
      sync::name(side));
  const std::vector<std::vector<std::string>> verbs = {
      {"preflight"}, {"start"}, {"start", "--dry-run"}, {"finish"}, {"abort"}, {"remove"}};
  for (const auto& verb : verbs) {
    CAPTURE(verb.front());
    const json refused = place.run(3, verb);
    CHECK(message(refused) == expected);
    // A closed gate stays without that option, and so does the claim.
    CHECK(refused["error"]["hint"] ==
          fmt::format("end that one by `data-sync remove{}` with its own configuration, or correct "
                      "databases in crossover.yaml",
                      side == Side::new_side ? " --open-closed-side" : ""));
  }
  for (const auto& verb : {"follow", "verify"}) {
    CAPTURE(verb);
    place.run(3, {verb});
  }
  CHECK(structures(world) == before);
  CHECK_FALSE(has_state(world, sync::other(side)));
  postgres::Session session = world.databases.at(side).open("check");
  CHECK(sync::read_evidence(session).empty());
  CHECK(session.query("SELECT owner_token || drainer_token FROM crossover.migration").text(0, 0) ==
        "");
}

TEST_CASE("databases that stand the wrong way round are seen by what they know") {
  World world(15, 17);
  Place place(world);
  claim(world, Side::old_side, "test");
  place.fail_over(world.new_server, world.old_server);
  CHECK(message(place.run(3, {"start"})) ==
        "unable to use database 'app' for migration 'test': it takes part in migration 'test' as "
        "the old side");
  CHECK_FALSE(has_state(world, Side::new_side));
}

TEST_CASE("a state of a newer program is not touched") {
  World world(15, 17);
  const Place place(world);
  const Side side = GENERATE(Side::old_side, Side::new_side);
  claim(world, side, "test");
  postgres::Session session = world.databases.at(side).open("future");
  session.batch("UPDATE crossover.migration SET version = 99");
  SECTION("as it is") {}
  SECTION("which has other columns, too") {
    session.batch("ALTER TABLE crossover.migration RENAME COLUMN plan_sha256 TO plan");
  }
  const std::string before = structures(world);
  for (const auto& verb : {"start", "abort", "remove"}) {
    CAPTURE(verb);
    const json refused = place.run(3, {verb});
    CHECK(message(refused) ==
          fmt::format("unable to read the state of migration 'test': its layout is 99, this "
                      "program's is {}",
                      sync::state_version));
    CHECK(refused["error"]["hint"] ==
          "end this migration with the version of Crossover that began it");
  }
  CHECK(structures(world) == before);
  CHECK_FALSE(has_state(world, sync::other(side)));
}

TEST_CASE("databases of different encodings are refused") {
  World world(15, 17);
  const Place place(world);
  const auto [old_encoding, new_encoding] =
      GENERATE(std::pair("LATIN1", "UTF8"), std::pair("SQL_ASCII", "UTF8"));
  CAPTURE(old_encoding);
  make_again(world.old_server, old_encoding);
  make_again(world.new_server, new_encoding);
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    server->connect("app").batch("CREATE TABLE public.word (id int PRIMARY KEY, text text)");
  }
  // No UTF-8: in LATIN1 it is a letter, and SQL_ASCII takes anything.
  world.old_server.connect("app").batch(
      "SET client_encoding = 'SQL_ASCII'; INSERT INTO public.word VALUES (1, E'caf\\xe9')");
  CHECK(refusal(place) ==
        fmt::format("unable to move the data of 'test': database has encoding {} in the old and {} "
                    "in the new database",
                    old_encoding, new_encoding));
}

TEST_CASE("bytes that are no text pass between databases that ask for none") {
  World world(15, 17);
  const Place place(world);
  for (const PostgresServer* server : {&world.old_server, &world.new_server}) {
    make_again(*server, "SQL_ASCII");
    server->connect("app").batch("CREATE TABLE public.word (id text PRIMARY KEY, text text)");
  }
  postgres::Session old_side = world.old_db.open("application");
  old_side.batch("INSERT INTO public.word VALUES (E'caf\\xe9', E'\\xff\\xfe')");
  place.run(0, {"start"});
  old_side.batch("INSERT INTO public.word VALUES (E'th\\xe9', E'\\xe9')");
  place.run(0, {"follow", "--until-caught-up"});
  place.run(0, {"verify"});
  postgres::Session new_side = world.new_db.open("check");
  CHECK(World::dump(old_side, "word") == World::dump(new_side, "word"));
  CHECK(new_side.query("SELECT count(*) FROM public.word").int64(0, 0) == 2);
  SECTION("and a difference is shown") {
    new_side.batch("ALTER TABLE public.word DISABLE TRIGGER ALL");
    new_side.batch("UPDATE public.word SET text = 'other' WHERE id = E'caf\\xe9'");
    place.run(4, {"verify"});
  }
}

TEST_CASE("names that differ in case alone are different names") {
  World world(15, 17);
  const Place place(world);
  world.add_schema(
      "CREATE TABLE public.\"Item\" (id int PRIMARY KEY, \"Id\" text, \"ID\" text);"
      "CREATE TABLE public.item (id int, \"Id\" int, v text, PRIMARY KEY (id, \"Id\"));"
      "CREATE TABLE public.\"ITEM\" (\"Id\" int PRIMARY KEY, id int)");
  postgres::Session old_side = world.old_db.open("application");
  old_side.batch(
      "INSERT INTO public.\"Item\" VALUES (1, 'one', 'ONE'), (2, 'two', 'TWO');"
      "INSERT INTO public.item VALUES (1, 1, 'a'), (1, 2, 'b');"
      "INSERT INTO public.\"ITEM\" VALUES (7, 1)");
  place.run(0, {"start"});
  old_side.batch(
      "UPDATE public.\"Item\" SET \"ID\" = 'changed', \"Id\" = 'too' WHERE id = 2;"
      "DELETE FROM public.item WHERE \"Id\" = 1;"
      "UPDATE public.\"ITEM\" SET \"Id\" = 8");
  place.run(0, {"follow", "--until-caught-up"});
  place.run(0, {"verify"});
  postgres::Session new_side = world.new_db.open("check");
  for (const char* table : {"\"Item\"", "item", "\"ITEM\""}) {
    CHECK(World::dump(old_side, table) == World::dump(new_side, table));
  }
  CHECK(new_side.query("SELECT \"ID\" FROM public.\"Item\" WHERE id = 2").text(0, 0) == "changed");
}

TEST_CASE("what no trigger sees is refused, and what is not carried is told") {
  World world(15, 17);
  const Place place(world);
  postgres::Session old_side = world.old_db.open("hand");
  SECTION("large objects") {
    old_side.batch("SELECT lo_create(0)");
    CHECK(refusal(place) ==
          "unable to move the data of 'test': old database holds 1 large objects, whose changes no "
          "trigger sees");
  }
  SECTION("foreign tables") {
    old_side.batch(
        "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere;"
        "CREATE FOREIGN TABLE public.elsewhere (id int) SERVER far");
    const json refused = place.run(3, {"preflight"});
    CHECK(message(refused) ==
          "unable to move the data of 'test': table public.elsewhere is a foreign table; its rows "
          "live elsewhere: set its policy to skip (and 1 more)");
    CHECK(refused["error"]["hint"] == mend);
    CHECK(told(refused, "fail") ==
          std::vector<std::string>{"table public.elsewhere: is a foreign table; its rows live "
                                   "elsewhere: set its policy to skip",
                                   "table public.elsewhere: is missing in the new database"});
    CHECK(refusal(place) == message(refused));
    place.configure("  tables: {public.elsewhere: {policy: skip}}\n");
    place.run(0, {"start"});
  }
  SECTION("tables of an extension") {
    old_side.batch(
        "CREATE TABLE public.own (id int PRIMARY KEY);"
        "ALTER EXTENSION plpgsql ADD TABLE public.own");
    CHECK(told(place.run(0, {"preflight"}), "warn") ==
          std::vector<std::string>{"table public.own: belongs to an extension and is not carried"});
    place.run(0, {"start"});
  }
}

TEST_CASE("a transaction that is prepared is named before anything is written") {
  World world(15, 17);
  const Place place(world);
  for (PostgresServer* server : {&world.old_server, &world.new_server}) {
    server->set("max_prepared_transactions", "5");
    server->restart();
  }
  world.new_db.open("prepared")
      .batch("BEGIN; UPDATE public.counter SET value = 1; PREPARE TRANSACTION 'later'");
  CHECK(refusal(place) ==
        "unable to move the data of 'test': new database holds prepared transactions (later), "
        "which keep their locks: commit or roll them back");
  world.new_db.open("prepared").batch("ROLLBACK PREPARED 'later'");
  world.old_db.open("prepared")
      .batch(
          "BEGIN; UPDATE public.counter SET value = 1; PREPARE TRANSACTION 'now'; "
          "BEGIN; SELECT 1; PREPARE TRANSACTION 'and then'");
  CHECK(refusal(place, {"preflight"}) ==
        "unable to move the data of 'test': old database holds prepared transactions (and then, "
        "now), which keep their locks: commit or roll them back");
}

TEST_CASE("materialised views are refreshed on the other side, those that others need first") {
  World world(15, 17);
  const Place place(world);
  world.add_schema(
      "CREATE MATERIALIZED VIEW public.sums AS SELECT sum(value) AS s FROM public.counter;"
      "CREATE MATERIALIZED VIEW public.twice AS SELECT 2 * s AS t FROM public.sums;"
      "CREATE MATERIALIZED VIEW public.empty AS SELECT 1 WITH NO DATA");
  world.old_db.open("application").batch("UPDATE public.counter SET value = 7 WHERE id = 1");
  postgres::Session new_side = world.new_db.open("check");
  // A refresh moves the view's row in the catalogue, so that the others may come before it there.
  const auto first = [&] {
    return std::string(new_side.query("SELECT matviewname FROM pg_matviews LIMIT 1").text(0, 0));
  };
  for (int i = 0; i < 100 && first() == "sums"; ++i) {
    new_side.batch("REFRESH MATERIALIZED VIEW public.sums");
  }
  REQUIRE(first() != "sums");
  place.run(0, {"start"});
  CHECK(new_side.query("SELECT s FROM public.sums").text(0, 0) == "7");
  CHECK(new_side.query("SELECT t FROM public.twice").text(0, 0) == "14");
  CHECK_FALSE(
      new_side.query("SELECT relispopulated FROM pg_class WHERE relname = 'empty'").boolean(0, 0));
}
