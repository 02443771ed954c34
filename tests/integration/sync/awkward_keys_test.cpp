// Keys whose equality, collation or name is not what it looks like.
#include <catch2/catch.hpp>

#include "sync/catalogue.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/selection.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

constexpr const char* schema = R"(
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;
CREATE COLLATION public.ignoring_case
  (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE public.insensitive (k public.citext PRIMARY KEY, v int);
CREATE TABLE public.pairs (k public.hstore PRIMARY KEY, v int);
CREATE TABLE public.collated (k text COLLATE public.ignoring_case PRIMARY KEY, v int);
CREATE TABLE public.computed (base int NOT NULL, v int,
  k int GENERATED ALWAYS AS (base * 2) STORED PRIMARY KEY);
CREATE TABLE public.variables ("found" int, "new" int, "tg_op" int, "txid" int, v int,
  PRIMARY KEY ("found", "new", "tg_op", "txid"));
CREATE TABLE public.parts (part int NOT NULL, v int,
  k text GENERATED ALWAYS AS (md5(v::text)) STORED, PRIMARY KEY (part, k)) PARTITION BY LIST (part);
CREATE TABLE public.parts_rest (k text NOT NULL GENERATED ALWAYS AS (md5(v::text)) STORED, v int,
  part int NOT NULL);
ALTER TABLE public.parts ATTACH PARTITION public.parts_rest DEFAULT;
)";

struct AwkwardKeys {
  AwkwardKeys() : old_side(world.old_db.open("test")) {
    postgres::Session new_side = world.new_db.open("test");
    for (postgres::Session* session : {&old_side, &new_side}) {
      session->batch(schema);
    }
    Findings findings;
    world.tables =
        select_tables(read_catalogue(old_side, {"public"}), config::Sync{}, "", findings);
    CHECK_FALSE(refuses(findings));
    old_side.batch(
        "INSERT INTO public.insensitive VALUES ('Abc', 1), ('def', 1);"
        "INSERT INTO public.pairs VALUES ('a=>1', 1), ('a=>2', 1);"
        "INSERT INTO public.collated VALUES ('Abc', 1), ('def', 1);"
        "INSERT INTO public.computed VALUES (1, 1), (2, 1);"
        "INSERT INTO public.variables VALUES (1, 1, 1, 1, 1), (2, 2, 2, 2, 1);");
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
  }

  /// Writes, drains, and compares both sides by plain SQL.
  void carry(const std::string& sql) {
    INFO(sql);
    old_side.batch(sql);
    // A state that was read from the database is what later runs have.
    Drain drain(world.databases, Direction::forward, read_tables(old_side), world.apply_token,
                world.owner, world.log);
    drain.run();
    postgres::Session new_side = world.new_db.open("check");
    for (const char* table :
         {"insensitive", "pairs", "collated", "computed", "variables", "parts"}) {
      CHECK(World::dump(old_side, table) == World::dump(new_side, table));
    }
  }

  World world{15, 17};
  postgres::Session old_side;
};

}  // namespace

TEST_CASE("keys of extensions' types, collations and generated columns are carried") {
  AwkwardKeys keys;
  keys.carry("UPDATE public.insensitive SET k = 'aBC', v = 2 WHERE k::text = 'Abc'");
  keys.carry("UPDATE public.collated SET k = 'aBC', v = 2 WHERE k = 'abc'");
  // One row under two of its forms, in one drain.
  keys.carry(
      "DELETE FROM public.collated WHERE k = 'DEF'; INSERT INTO public.collated VALUES ('DEF', 3);"
      "DELETE FROM public.insensitive WHERE k::text = 'def';"
      "INSERT INTO public.insensitive VALUES ('DEF', 3);");
  keys.carry("UPDATE public.pairs SET k = 'b=>NULL' WHERE v = 1 AND k::text = '\"a\"=>\"1\"'");
  keys.carry(
      "UPDATE public.computed SET base = 7 WHERE base = 1; DELETE FROM public.computed "
      "WHERE base = 2");
}

// The server shows its triggers no value of such a key.
TEST_CASE("rows with a generated key arrive from a partition with another order of columns") {
  AwkwardKeys keys;
  keys.carry("INSERT INTO public.parts VALUES (1, 1), (2, 2)");
  keys.carry("UPDATE public.parts SET v = v + 10");
  keys.carry("DELETE FROM public.parts WHERE v = 11");
}

TEST_CASE("key columns may be called as PL/pgSQL's variables are") {
  AwkwardKeys keys;
  keys.carry("UPDATE public.variables SET v = 2");
  keys.carry("UPDATE public.variables SET \"new\" = 9, \"tg_op\" = 8 WHERE \"found\" = 1");
  keys.carry("DELETE FROM public.variables WHERE \"found\" = 2");
}

TEST_CASE("many keys of such types are carried by a temporary table") {
  AwkwardKeys keys;
  keys.carry(
      "INSERT INTO public.insensitive SELECT 'Key ' || i, i FROM generate_series(1, 6000) i;"
      "INSERT INTO public.collated SELECT 'Key ' || i, i FROM generate_series(1, 6000) i;"
      "INSERT INTO public.computed SELECT i, i FROM generate_series(100, 6100) i;");
  keys.carry(
      "UPDATE public.insensitive SET k = upper(k::text); UPDATE public.collated SET k = upper(k);"
      "UPDATE public.computed SET base = base + 100000;");
}
