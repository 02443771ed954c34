// Tables that inherit from others: each is carried by itself, whichever a statement names.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "fixtures/error_of.h"
#include "integration/sync/family.h"
#include "sync/catalogue.h"
#include "sync/compare.h"
#include "sync/selection.h"
#include "sync/verify.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

TEST_CASE("whatever a statement on a parent or a child does arrives, and comes back") {
  const auto [old_version, new_version] =
      GENERATE(std::pair(15, 17), std::pair(12, 18), std::pair(18, 12));
  CAPTURE(old_version, new_version);
  Family family(old_version, new_version);
  family.copy(Direction::forward);
  for (const std::string& sql : family_statements()) {
    family.carry(Direction::forward, sql);
  }
  family.capture_back();
  family.move(Direction::forward);
  CHECK(family.same());
  for (const std::string& sql : family_statements()) {
    family.carry(Direction::reverse, sql);
  }
}

TEST_CASE("a family of tables under load moves and comes back without losing a write") {
  const auto [old_version, new_version] = GENERATE(std::pair(15, 17), std::pair(12, 18));
  CAPTURE(old_version, new_version);
  Family family(old_version, new_version);
  Writers writers(family.world.old_server, 2);
  FamilyWriters members(family.world.old_server, 2);
  family.copy(Direction::forward, {.workers = 3, .pages_per_range = 1});
  for (int i = 0; i < 10; ++i) {
    family.drain(Direction::forward).run();
  }
  family.capture_back();
  family.move(Direction::forward);
  writers.stop();
  members.stop();
  CHECK(members.last_failure().find("is closed by crossover") != std::string::npos);
  CHECK(family.same());
  CHECK(family.world.equal_by_sql());
  CHECK(writers.differences(family.world.new_db) == std::vector<std::string>{});
  CHECK(members.differences(family.world.new_db) == std::vector<std::string>{});

  Writers on_new(family.world.new_server, 2);
  FamilyWriters moved(family.world.new_server, 2);
  for (int i = 0; i < 10; ++i) {
    family.drain(Direction::reverse).run();
  }
  family.move(Direction::reverse);
  on_new.stop();
  moved.stop();
  CHECK(family.same());
  CHECK(on_new.differences(family.world.old_db) == std::vector<std::string>{});
  CHECK(moved.differences(family.world.old_db) == std::vector<std::string>{});
}

TEST_CASE("a closed gate stops who names a parent as well as who names a child") {
  Family family(15, 17);
  family.copy(Direction::forward);
  postgres::Session writer = family.world.new_server.connect("app", "writer");
  const std::string before = family.rows(family.world.new_db);
  for (const char* sql :
       {"UPDATE public.asset SET value = 9 WHERE id = 7", "DELETE FROM public.asset",
        "UPDATE public.car SET value = 9", "UPDATE ONLY public.bus SET value = 9",
        "INSERT INTO public.boat (id) VALUES (1)", "TRUNCATE public.asset",
        "INSERT INTO public.measure (day) VALUES (3)", "UPDATE public.taxed SET rate = 9"}) {
    CAPTURE(sql);
    CHECK(error_of([&] { writer.batch(sql); }).sqlstate() == "25006");
  }
  CHECK(family.rows(family.world.new_db) == before);
}

TEST_CASE("rows of a child are neither the parent's own nor in its way") {
  Family family(15, 17);
  postgres::Session new_side = family.world.new_db.open("test");
  SECTION("a child that is skipped keeps its rows") {
    family.world.settings.tables["public.villa"].policy = Policy::skip;
    family.world.select();
    new_side.batch("INSERT INTO public.villa (id, value, pools) VALUES (1, 1, 1), (7, 7, 7)");
    const std::string own = Family::rows(new_side, "villa");
    family.copy(Direction::forward);
    family.world.old_db.open("test").batch(
        "UPDATE public.asset SET value = -1; TRUNCATE ONLY public.house");
    family.drain(Direction::forward).run();
    CHECK(Family::rows(new_side, "villa") == own);
    postgres::Session old_side = family.world.old_db.open("test");
    for (const char* table : {"asset", "house", "car", "bus", "boat"}) {
      CAPTURE(table);
      CHECK(Family::rows(old_side, table) == Family::rows(new_side, table));
    }
  }
  SECTION("a parent is merged with its own rows alone") {
    family.world.settings.tables["public.asset"].policy = Policy::merge;
    family.world.select();
    new_side.batch(
        "INSERT INTO public.asset (id, value) VALUES (7, 0), (90000, 1);"
        "INSERT INTO public.house (id, value) VALUES (90000, 2), (90001, 3)");
    family.copy(Direction::forward);
    family.world.old_db.open("test").batch("UPDATE public.asset SET value = value + 1");
    family.drain(Direction::forward).run();
    const auto kept = new_side.query(
        "SELECT string_agg(key::text, ' ') FROM crossover.kept_row WHERE table_id = (SELECT id "
        "FROM crossover.synced_table WHERE table_name = 'asset')");
    CHECK(kept.text(0, 0) == "{90000}");
    open_apply_session(family.world.new_db, "test", family.world.apply_token)
        .batch("DELETE FROM ONLY public.asset WHERE id = 90000");
    CHECK(family.same());
  }
}

TEST_CASE("what differs in a child is not shown as the parent's") {
  Family family(15, 17);
  family.copy(Direction::forward);
  Drain drain = family.drain(Direction::forward);
  drain.run();
  open_apply_session(family.world.new_db, "test", family.world.apply_token)
      .batch("UPDATE ONLY public.house SET value = 99 WHERE id = 7");
  drain.run_keeping_snapshot();
  postgres::Session target = family.world.new_db.open("verify");
  for (const SyncedTable& table : family.world.tables) {
    CAPTURE(table.table.name);
    const TableComparison comparison =
        compare_table(drain.source_session(), target, table, Direction::forward, 10,
                      family.world.stop, family.world.progress);
    REQUIRE(comparison.equal == (table.table.name != "house"));
    if (!comparison.equal) {
      CHECK(comparison.differences.size() == 1);
      CHECK(comparison.differences.at(0).key == "7");
    }
  }
}

TEST_CASE("what becomes of a family under way is noticed") {
  Family family(15, 17);
  family.copy(Direction::forward);
  Drain drain = family.drain(Direction::forward);
  drain.run();
  postgres::Session old_side = family.world.old_db.open("test");
  const auto refusal = [&](const char* sql) {
    old_side.batch(sql);
    return error_of([&] { drain.run(); }).text();
  };
  SECTION("a child leaves") {
    CHECK(refusal("ALTER TABLE public.boat NO INHERIT public.asset")
              .starts_with("unable to drain from the old database: its schema has changed: - child "
                           "public.boat of "));
  }
  SECTION("a table becomes a child") {
    old_side.batch("ALTER TABLE public.event ADD COLUMN rate int NOT NULL DEFAULT 1");
    const Error error =
        error_of([&] { old_side.batch("ALTER TABLE public.event INHERIT public.taxed"); });
    CHECK(error.text().find("prevents table \"event\" from becoming an inheritance child") !=
          std::string::npos);
  }
  SECTION("a child is added") {
    CHECK(refusal("CREATE TABLE public.plane () INHERITS (public.asset)").find("public.plane") !=
          std::string::npos);
  }
  SECTION("a partition is added in a schema that is not carried") {
    CHECK(refusal("CREATE SCHEMA archive; CREATE TABLE archive.part_2023 PARTITION OF public.part "
                  "FOR VALUES FROM ('2023-01-01') TO ('2023-02-01')")
              .find("+ partition ") != std::string::npos);
  }
  SECTION("a temporary child is one session's") {
    old_side.batch(
        "CREATE TEMPORARY TABLE sketch () INHERITS (public.asset); CREATE TEMPORARY TABLE draft () "
        "INHERITS (public.role);"
        "INSERT INTO sketch (id) VALUES (7); INSERT INTO draft (id, name) VALUES (1, 'draft');"
        "UPDATE public.asset SET value = 3 WHERE id = 7; UPDATE public.role SET name = name || "
        "'!'");
    drain.run();
    CHECK(family.same());
    CHECK(family.world.equal_by_sql());
    const Catalogue catalogue = read_catalogue(old_side, {"public"});
    CHECK_FALSE(catalogue.tables.at({"public", "role"}).inherits());
  }
}

TEST_CASE("families that are not the same on both sides are refused") {
  Family family(12, 18);
  postgres::Session old_side = family.world.old_db.open("test");
  postgres::Session new_side = family.world.new_db.open("test");
  const auto errors = [&] {
    Findings findings;
    const Catalogue before = read_catalogue(old_side, {"public"});
    const auto tables = select_tables(before, family.world.settings, "", findings);
    std::vector<std::string> texts;
    for (const Finding& finding :
         compare_structure(before, read_catalogue(new_side, {"public"}), tables)) {
      if (finding.level == Finding::Level::error) {
        texts.push_back(finding.object + " " + finding.text);
      }
    }
    return texts;
  };
  CHECK(errors().empty());
  new_side.batch(
      "ALTER TABLE public.boat NO INHERIT public.asset;"
      "CREATE TABLE public.part_2025 PARTITION OF public.part FOR VALUES FROM ('2025-01-01') TO "
      "('2026-01-01')");
  CHECK(errors() ==
        std::vector<std::string>{
            "table public.boat inherits from public.asset in the old database only",
            "table public.part has the partition public.part_2025 in the new database only"});
}
