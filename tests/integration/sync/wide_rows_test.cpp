// Rows of several MB, many at once: what is carried, and what the process holds of it.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>

#include "base/error.h"
#include "fixtures/memory.h"
#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/gate.h"
#include "sync/repair.h"
#include "sync/verify.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

/// A document is 3 MiB on the wire, and there are 24: without a bound a drain holds several times
/// 72 MiB.
constexpr std::uint64_t bound = 48 * mebibyte;
constexpr int documents = 24;

constexpr const char* schema =
    "CREATE TABLE public.document (id int PRIMARY KEY, body jsonb, raw bytea);"
    "CREATE TABLE public.leaflet (id int PRIMARY KEY, body text);"
    "CREATE TABLE public.long_key (key text PRIMARY KEY, n int);"
    "CREATE TABLE public.heap (body text);";

/// Wide for a client and small for the servers, which compress them.
constexpr const char* wide_rows =
    "INSERT INTO public.document SELECT i, jsonb_build_object('text', repeat(md5(i::text), "
    "32768)), "
    "decode(repeat(md5(i::text), 65536), 'hex') FROM generate_series({0}, {1}) i";

struct Wide {
  explicit Wide(int count = documents) {
    world.add_schema(schema);
    old_side().batch(fmt::format(wide_rows, 1, count));
    old_side().batch("INSERT INTO public.leaflet SELECT i, 'x' FROM generate_series(1, 3000) i");
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, context());
  }
  postgres::Session old_side() { return world.old_db.open("test"); }
  CopyContext context() { return {world.clock, world.stop, world.log, world.progress}; }
  Drain drain(Direction direction = Direction::forward) {
    return {world.databases, direction, world.tables, world.apply_token, world.owner, world.log};
  }
  const SyncedTable& table(const std::string& name) {
    for (const SyncedTable& table : world.tables) {
      if (table.table.name == name) {
        return table;
      }
    }
    throw std::logic_error("no table " + name);
  }
  bool same() {
    const auto digest = [](const Database& database, const std::string& table) {
      return std::string(
          database.open("check")
              .query(
                  fmt::format("SELECT concat(count(*), ' ', md5(string_agg(md5(t::text), '' ORDER "
                              "BY md5(t::text)))) FROM public.{} t",
                              table))
              .text(0, 0));
    };
    for (const char* table : {"document", "leaflet", "heap", "long_key"}) {
      if (digest(world.old_db, table) != digest(world.new_db, table)) {
        UNSCOPED_INFO(table);
        return false;
      }
    }
    return world.equal_by_sql();
  }

  World world{15, 17};
};

}  // namespace

TEST_CASE("a drain of many wide rows holds few of them") {
  Wide wide;
  Drain drain = wide.drain();
  drain.run();
  // The second time it is known how wide they are.
  for (int round = 1; round <= 2; ++round) {
    CAPTURE(round);
    wide.old_side().batch("UPDATE public.document SET body = body || jsonb_build_object('round', " +
                          std::to_string(round) +
                          "); UPDATE public.leaflet SET body = body || 'y'; UPDATE public.role SET "
                          "name = name || 'z' "
                          "WHERE id < 5; DELETE FROM public.document WHERE id = " +
                          std::to_string(round) +
                          "; UPDATE public.document SET id = -id WHERE id BETWEEN 10 AND 12");
    DrainReport report;
    CHECK(growth([&] { report = drain.run(); }) < bound);
    CHECK(report.tables == 3);
    CHECK(report.rows == static_cast<std::uint64_t>(documents - round) + 3000 + 4);
    CHECK(wide.same());
  }
}

TEST_CASE("keys that are too long to be held do not hide that a table was emptied") {
  Wide wide(1);
  const auto insert = [](std::string_view what) {
    return fmt::format(
        "INSERT INTO public.long_key SELECT repeat(md5('{}' || i), 60), i FROM generate_series(1, "
        "3000) i",
        what);
  };
  Drain drain = wide.drain();
  wide.old_side().batch(insert("first"));
  CHECK(drain.run().rows == 3000);
  wide.old_side().batch("TRUNCATE public.long_key; " + insert("second"));
  CHECK(growth([&] { drain.run(); }) < bound);
  CHECK(wide.same());
  wide.old_side().batch(insert("third") + "; DELETE FROM public.long_key WHERE n > 2900");
  CHECK(drain.run().rows == 2900);
  CHECK(wide.same());
}

TEST_CASE("the last drain of a switch holds few wide rows, and compares them all the same") {
  const bool falsified = GENERATE(false, true);
  CAPTURE(falsified);
  Wide wide;
  Drain drain = wide.drain();
  if (falsified) {
    wide.world.new_db.open("test").batch(
        "CREATE FUNCTION public.falsify() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = 7 "
        "THEN NEW.raw = NULL; END IF; RETURN NEW; END'; CREATE TRIGGER falsify BEFORE INSERT ON "
        "public.document FOR EACH ROW EXECUTE FUNCTION public.falsify(); "
        "ALTER TABLE public.document ENABLE ALWAYS TRIGGER falsify");
  }
  drain.prepare_finish(wide.world.owner, 100, std::chrono::seconds(60));
  wide.old_side().batch(
      "UPDATE public.document SET body = body || '{\"last\": true}'; "
      "UPDATE public.leaflet SET body = 'last' WHERE id < 9");
  postgres::Session source = wide.old_side();
  close_gate(source, wide.world.tables, wide.world.owner, std::chrono::seconds(5));
  std::string refusal;
  CHECK(growth([&] {
          try {
            drain.finish([](std::string_view) {}, [] {});
          } catch (const Error& error) {
            refusal = error.text();
          }
        }) < bound);
  if (falsified) {
    CHECK(refusal ==
          "unable to verify 'public.document': the rows applied last differ between the two "
          "databases");
  } else {
    CHECK(refusal.empty());
    CHECK(wide.same());
  }
}

TEST_CASE("wide rows that differ are found and repaired without being held") {
  Wide wide;
  wide.old_side().batch(
      "INSERT INTO public.heap SELECT repeat(md5((i % 12)::text), 65536) FROM generate_series(1, "
      "24) i");
  Drain drain = wide.drain();
  drain.run();
  REQUIRE(wide.same());
  open_apply_session(wide.world.new_db, "test", wide.world.apply_token)
      .batch(
          "UPDATE public.document SET raw = raw || '\\x00'; DELETE FROM public.document WHERE id = "
          "5; INSERT INTO public.document SELECT id + 100, body, raw FROM public.document WHERE id "
          "= 6; UPDATE public.heap SET body = body || 'x'; INSERT INTO public.heap SELECT "
          "substr(body, 1, 65536 * 32) FROM public.heap LIMIT 1");
  drain.run_keeping_snapshot();
  postgres::Session target = wide.world.new_db.open("verify");
  TableComparison document;
  TableComparison heap;
  CHECK(growth([&] {
          document = compare_table(drain.source_session(), target, wide.table("document"),
                                   Direction::forward, 100, wide.world.stop, wide.world.progress);
          heap = compare_table(drain.source_session(), target, wide.table("heap"),
                               Direction::forward, 100, wide.world.stop, wide.world.progress);
        }) < bound);
  CHECK(document.differences.size() == documents + 1);
  CHECK(heap.differences.size() == 24);  // 12 rows that are twice on either side
  drain.rollback();

  std::vector<RepairedTable> repaired;
  CHECK(growth([&] {
          repaired =
              repair_after_failover(wide.world.databases, Direction::forward, wide.world.tables,
                                    wide.world.apply_token, wide.world.owner, wide.context());
        }) < bound);
  CHECK(wide.same());
  REQUIRE(repaired.size() == 2);
  CHECK(repaired[0].table.name == "document");
  CHECK(repaired[0].brought == documents);
  CHECK(repaired[0].saved == documents + 1);  // with the one that was deleted
  CHECK(repaired[1].table.name == "heap");
  CHECK(repaired[1].saved == 24);
  postgres::Session new_side = wide.world.new_db.open("test");
  CHECK(new_side.query("SELECT count(*) FROM crossover.saved_row").int64(0, 0) ==
        documents + 1 + 24);
}
