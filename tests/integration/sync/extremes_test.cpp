// As much as PostgreSQL takes (manual, appendix K): columns, key columns, toasted values, names.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>

#include "sync/capture.h"
#include "sync/catalogue.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "sync/verify.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

constexpr int most_columns = 1600;
constexpr int most_key_columns = 32;
constexpr int most_toasted = 445;  // 18 bytes of a row's 8,160 for each value that is elsewhere

/// "c1 int, c2 int, ...": each column's name with something around it.
std::string columns(int first, int last, std::string_view format) {
  std::string list;
  for (int i = first; i <= last; ++i) {
    list += (list.empty() ? "" : ", ") + fmt::format(fmt::runtime(format), i);
  }
  return list;
}

std::string wide_schema() {
  return fmt::format(
      "CREATE TABLE public.wide ({}, PRIMARY KEY (c1));"
      "CREATE TABLE public.long_key ({}, PRIMARY KEY ({}));"
      "CREATE TABLE public.heap ({});"
      "CREATE TABLE public.toasted (c1 int PRIMARY KEY, {});"
      "CREATE TABLE public.base (c1 smallint);"
      "CREATE TABLE public.heir ({}, PRIMARY KEY ({})) INHERITS (public.base);",
      columns(1, most_columns, "c{} int"), columns(1, most_columns, "c{} smallint"),
      columns(1, most_key_columns, "c{}"), columns(1, most_columns, "c{} boolean"),
      columns(2, most_toasted, "c{} text"), columns(2, most_columns, "c{} smallint"),
      columns(1, most_key_columns, "c{}"));
}

const std::vector<std::string> wide_tables = {"public.wide", "public.long_key", "public.heap",
                                              "public.toasted", "public.heir"};

/// Rows `first` to `last` of each, a few of those that are large. The texts don't compress.
std::vector<std::string> fill(int first, int last) {
  const auto insert = [&](std::string_view table, const std::string& values, int end) {
    return fmt::format("INSERT INTO public.{} SELECT {} FROM generate_series({}, {}) i", table,
                       values, first, end);
  };
  const std::string small = "i, " + columns(2, most_columns, "(i + {}) % 7");
  return {insert("wide", columns(1, most_columns, "i"), last), insert("long_key", small, last),
          insert("heir", small, last),
          insert("heap", columns(1, most_columns, "i % {} = 0"), std::min(last, first + 20)),
          insert("toasted",
                 "i, " + columns(2, most_toasted,
                                 "(SELECT string_agg(md5(concat(i, {}, n)), '') FROM "
                                 "generate_series(1, 64) n)"),
                 std::min(last, first + 2))};
}

struct Extremes {
  Extremes(int old_version, int new_version) : world(old_version, new_version) {}

  void start() {
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
  }

  Drain drain(Direction direction) {
    return {world.databases, direction, world.tables, world.apply_token, world.owner, world.log};
  }

  void require_same(const std::vector<std::string>& tables) {
    postgres::Session old_side = world.old_db.open("check");
    postgres::Session new_side = world.new_db.open("check");
    const auto digest = [](postgres::Session& session, const std::string& table) {
      const postgres::Rows rows = session.query(
          fmt::format("SELECT concat(count(*), ' ', md5(string_agg(t::text, '' ORDER BY t::text "
                      "COLLATE \"C\"))) FROM ONLY {} t",
                      table));
      return std::string(rows.text(0, 0));
    };
    for (const std::string& table : tables) {
      CAPTURE(table);
      CHECK(digest(old_side, table) == digest(new_side, table));
    }
  }

  World world;
};

}  // namespace

TEST_CASE("reading the defaults of a table costs no more for its many columns") {
  const PostgresServer server(17);
  postgres::Session session = server.connect();
  session.batch(
      fmt::format("CREATE TABLE public.wide ({}, twice int GENERATED ALWAYS AS (c1 * 2) "
                  "STORED)",
                  columns(1, most_columns - 1, "c{} int DEFAULT 7")));
  session.batch("SET statement_timeout = '1500ms'");  // a hundred times what it takes
  const Catalogue catalogue = read_catalogue(session, {"public"});
  const auto& found = catalogue.tables.at({"public", "wide"}).columns;
  REQUIRE(found.size() == most_columns);
  CHECK(found[most_columns - 2].expression == "7");
  CHECK(found[most_columns - 2].equals == "=");
  CHECK(found[most_columns - 1].expression == "(c1 * 2)");
}

TEST_CASE("tables with as many columns, key columns and toasted values as there can be") {
  const auto [old_version, new_version] = GENERATE(std::pair(12, 18), std::pair(18, 12));
  CAPTURE(old_version, new_version);
  Extremes extremes(old_version, new_version);
  World& world = extremes.world;
  world.settings.tables["public.long_key"].policy = Policy::merge;
  world.add_schema(wide_schema());
  postgres::Session old_side = world.old_db.open("test");
  const auto write = [&](int first, int last) {
    for (const std::string& sql : fill(first, last)) {
      old_side.batch(sql);
    }
  };
  write(1, 20);
  extremes.start();
  extremes.require_same(wide_tables);
  Drain drain = extremes.drain(Direction::forward);
  write(21, 40);
  old_side.batch(
      "UPDATE public.wide SET c1 = -c1, c1600 = 7 WHERE c1 < 10; DELETE FROM public.wide WHERE c1 "
      "= 15; UPDATE public.long_key SET c32 = 8, c1600 = 9 WHERE c1 < 30; UPDATE public.heap SET "
      "c1600 = NOT c1600; UPDATE public.toasted SET c2 = upper(c3), c3 = c2; UPDATE public.base "
      "SET c1 = c1 + 100 WHERE c1 > 5");
  drain.run();
  extremes.require_same(wide_tables);
  write(1000, 6100);  // by way of a temporary table
  drain.run();
  extremes.require_same(wide_tables);

  open_apply_session(world.new_db, "test", world.apply_token)
      .batch(
          "UPDATE public.wide SET c1600 = -1 WHERE c1 = 17; UPDATE public.toasted SET c445 = 'x' "
          "WHERE c1 = 2; UPDATE public.long_key SET c1600 = -1 WHERE c1 = 3");
  const std::set<std::string> falsified = {"wide", "toasted", "long_key"};
  drain.run_keeping_snapshot();
  postgres::Session target = world.new_db.open("verify");
  for (const SyncedTable& table : world.tables) {
    CAPTURE(table.table.name);
    const TableComparison comparison = compare_table(
        drain.source_session(), target, table, Direction::forward, 10, world.stop, world.progress);
    CHECK(comparison.differences.size() == falsified.count(table.table.name));
  }
}

TEST_CASE("names of 63 bytes that differ in the last one only are different names") {
  Extremes extremes(15, 17);
  World& world = extremes.world;
  const std::string stem(60, 'n');
  const std::vector<std::string> names = {stem + "xx1",    stem + "xx2", stem + "xxN",
                                          stem + "xx\"\"", stem + "漢",  stem + "字"};
  std::vector<std::string> tables;
  std::string statements;
  for (const std::string& name : names) {
    tables.push_back(fmt::format("public.\"{}\"", name));
    statements += fmt::format(
        "CREATE TABLE {0} (\"{1}1\" int, \"{1}2\" int, \"{1}3\" text, PRIMARY KEY (\"{1}1\", "
        "\"{1}2\"));",
        tables.back(), stem + "xx");
  }
  world.add_schema(statements);
  // Each gets other rows than the rest.
  const auto write = [&](const Database& database, const std::string& sql) {
    postgres::Session session = database.open("test");
    for (std::size_t i = 0; i < tables.size(); ++i) {
      session.batch(fmt::format(fmt::runtime(sql), tables[i], stem + "xx", i + 1));
    }
  };
  const char* const more =
      "INSERT INTO {0} SELECT coalesce(max(\"{1}1\"), 0) + i, {2}, 'of {2}' FROM "
      "generate_series(1, 10 * {2}) i LEFT JOIN {0} t ON true GROUP BY i";
  const char* const changes =
      "UPDATE {0} SET \"{1}2\" = -\"{1}2\" WHERE \"{1}1\" % ({2} + 1) = 0; DELETE FROM {0} WHERE "
      "\"{1}1\" = {2}";
  write(world.old_db, more);
  extremes.start();
  extremes.require_same(tables);
  Drain drain = extremes.drain(Direction::forward);
  write(world.old_db, more);
  write(world.old_db, changes);
  world.old_db.open("test").batch("TRUNCATE " + tables[1]);
  drain.run();
  extremes.require_same(tables);

  postgres::Session new_side = world.new_db.open("install");
  postgres::Session old_side = world.old_db.open("install");
  install_capture(new_side, world.tables, world.apply_token, world.install());
  start_position(new_side, old_side, Direction::reverse, world.tables);
  drain.prepare_finish(world.owner, 100, std::chrono::seconds(90));
  close_gate(old_side, world.tables, world.owner, std::chrono::seconds(5));
  drain.finish([](std::string_view) {}, [] {});
  write(world.new_db, more);
  write(world.new_db, changes);
  extremes.drain(Direction::reverse).run();
  extremes.require_same(tables);
  remove_capture(new_side, world.tables, world.install());
  remove_gate(new_side, world.tables, world.install());
  CHECK(drop_state(new_side));
}
