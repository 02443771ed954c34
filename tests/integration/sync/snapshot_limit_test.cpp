// How long a copy's snapshot holds back vacuum in the source.
#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fixtures/error_of.h"
#include "fixtures/moments.h"
#include "sync/copy.h"
#include "sync/copy_pieces.h"
#include "sync/drain.h"
#include "sync/split_table.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

constexpr const char* item =
    "CREATE TABLE public.item (id int PRIMARY KEY, place int UNIQUE, body text, "
    "EXCLUDE USING btree (place WITH =)) WITH (fillfactor = 50);";
/// Late rows can't be held against a deferrable key.
constexpr const char* shelf =
    "CREATE TABLE public.shelf (id int PRIMARY KEY, place int UNIQUE DEFERRABLE, body text) "
    "WITH (fillfactor = 50);";
constexpr const char* heap = "CREATE TABLE public.heap (body text);";
constexpr int rows = 4000;

/// Changes what it can while the copy is under way: rows move between pages, places are swapped,
/// keys change, rows come and go.
class Unrest {
 public:
  Unrest(const Database& source, const std::vector<std::string>& tables)
      : session_(source.open("unrest")), thread_([this, tables] {
          while (!done_) {
            for (const std::string& table : tables) {
              table == "heap" ? change_heap() : change(table);
            }
            ++turns_;
          }
        }) {}
  ~Unrest() { stop(); }
  int stop() {
    done_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
    return turns_;
  }

 private:
  int some(int factor) const { return turns_ * factor % rows + 1; }
  void change_heap() {
    session_.batch(
        "INSERT INTO public.heap VALUES ('new'); DELETE FROM public.heap WHERE ctid IN (SELECT "
        "ctid FROM public.heap LIMIT 1)");
  }
  void change(const std::string& table) {
    session_.batch(
        fmt::format("UPDATE public.{0} SET body = body || repeat('x', 300) WHERE id IN ({1}, {2});"
                    "DELETE FROM public.{0} WHERE id = {3};"
                    "INSERT INTO public.{0} VALUES ({3}, {4}, 'back');"
                    "UPDATE public.{0} SET id = {5} WHERE id = {6}",
                    table, some(37), some(101), some(13), 100000 + turns_.load(),
                    1000000 + turns_.load(), some(7)));
    const postgres::Rows two = session_.query(fmt::format(
        "SELECT id, place FROM public.{} WHERE id IN ({}, {})", table, some(17), some(1009)));
    if (two.size() == 2) {
      session_.batch(
          fmt::format("BEGIN; UPDATE public.{0} SET place = -id WHERE id IN ({1}, {2});"
                      "UPDATE public.{0} SET place = {4} WHERE id = {1};"
                      "UPDATE public.{0} SET place = {3} WHERE id = {2}; COMMIT",
                      table, two.int64(0, 0), two.int64(1, 0), two.int64(0, 1), two.int64(1, 1)));
    }
  }

  postgres::Session session_;
  std::atomic<bool> done_{false};
  std::atomic<int> turns_{0};
  std::thread thread_;
};

/// Looks how far back the copy holds vacuum all the while.
class Horizons {
 public:
  explicit Horizons(const Database& source) {
    thread_ = std::thread([this, &source] {
      postgres::Session session = source.open("look");
      while (!done_) {
        const postgres::Rows found = session.query(
            "SELECT min(backend_xmin::text::bigint) FROM pg_stat_activity "
            "WHERE application_name = 'crossover test copy' AND backend_xmin IS NOT NULL");
        if (!found.is_null(0, 0)) {
          seen_.insert(found.int64(0, 0));
        }
      }
    });
  }
  ~Horizons() { stop(); }
  std::set<std::int64_t> stop() {
    done_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
    return seen_;
  }

 private:
  std::atomic<bool> done_{false};
  std::set<std::int64_t> seen_;
  std::thread thread_;
};

struct Copied {
  Copied(const std::string& schema, std::vector<std::string> names, Duration limit)
      : tables(std::move(names)) {
    world.add_schema(schema);
    postgres::Session old_side = world.old_db.open("test");
    for (const std::string& table : tables) {
      old_side.batch(
          fmt::format("INSERT INTO public.{} SELECT {}repeat('b', 200) FROM "
                      "generate_series(1, {}) i",
                      table, table == "heap" ? "" : "i, i, ", rows));
    }
    world.start(Direction::forward);
    Unrest unrest(world.old_db, tables);
    Horizons looked(world.old_db);
    // So many workers that each table is more than the share of one.
    copy_tables(
        world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
        {.bytes_per_second = 1000000, .workers = 8, .pages_per_range = 4, .snapshot_limit = limit},
        {world.clock, world.stop, world.log, world.progress});
    horizons = looked.stop().size();
    turns = unrest.stop();
    Drain(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
          world.log)
        .run();
  }
  std::string dump(const Database& database, const std::string& table) {
    postgres::Session session = database.open("check");
    return World::dump(session, table);
  }
  std::vector<std::string> different() {
    std::vector<std::string> found;
    for (const std::string& table : tables) {
      if (dump(world.old_db, table) != dump(world.new_db, table)) {
        found.push_back(table);
      }
    }
    return found;
  }

  World world{15, 17};
  std::vector<std::string> tables;
  std::size_t horizons = 0;
  int turns = 0;
};

constexpr std::chrono::milliseconds always{1};

/// A table that is cut in two, of which nothing is there yet.
struct Cut {
  Cut() : split(source, table(), world.clock, world.log) {
    publish_pieces(target, world.owner, {piece(0, 1), piece(1, std::nullopt)});
  }
  static const Database& prepared(World& world) {
    world.add_schema(item);
    world.start(Direction::forward);
    return world.old_db;
  }
  const SyncedTable& table() const {
    return *std::find_if(world.tables.begin(), world.tables.end(),
                         [](const SyncedTable& t) { return t.table.name == "item"; });
  }
  CopyPiece piece(std::uint64_t first, std::optional<std::uint64_t> end) const {
    return {.table_id = table().id,
            .range = PageRange{table().table, first, end},
            .exported = split.exported()};
  }
  bool is_there(const std::string& exported) {
    postgres::Session session = world.old_db.open("test");
    postgres::Transaction transaction(session, postgres::one_snapshot);
    try {
      session.batch("SET TRANSACTION SNAPSHOT '" + exported + "'");
    } catch (const Error& error) {
      CHECK_THAT(error.message(), Catch::Matchers::Contains("invalid snapshot identifier"));
      return false;
    }
    return true;
  }

  World world{15, 17};
  const Database& source = prepared(world);
  postgres::Session target = world.new_db.open("test");
  SplitTable split;
};

}  // namespace

TEST_CASE("a copy whose snapshot is renewed all the time brings what one snapshot brings") {
  Copied copied(std::string(item) + shelf + heap, {"item", "shelf", "heap"}, always);
  CHECK(copied.turns > 20);
  CHECK(copied.different() == std::vector<std::string>{});
  CHECK(copied.world.equal_by_sql());
}

TEST_CASE("a snapshot is kept as long as somebody is at a range of it") {
  Cut cut;
  SplitTable& split = cut.split;
  const std::string first = split.exported();
  const std::string start = split.snapshot();
  postgres::Session other = cut.world.new_db.open("test");
  std::optional<postgres::Transaction> claiming(other);
  const auto claimed = claim_piece(other, cut.world.owner);
  REQUIRE(claimed);

  split.renew(cut.target, cut.world.owner, std::chrono::hours(1));
  CHECK(split.exported() == first);
  split.renew(cut.target, cut.world.owner, Duration());
  CHECK(split.exported() != first);
  CHECK(cut.is_there(first));
  CHECK(cut.is_there(split.exported()));
  // The first drain starts from where the first range was read.
  CHECK(split.snapshot() == start);

  mark_done(other, *claimed, {.rows = 1, .bytes = 1});
  claiming->commit();
  claiming.reset();
  split.renew(cut.target, cut.world.owner, std::chrono::hours(1));
  CHECK_FALSE(cut.is_there(first));
  CHECK(cut.is_there(split.exported()));
  postgres::Transaction again(other);
  const auto late = claim_piece(other, cut.world.owner);
  REQUIRE(late);
  CHECK(late->late);
  CHECK(late->exported == split.exported());
}

TEST_CASE("a table of which nothing is there yet begins anew with its new snapshot") {
  Cut cut;
  const std::string start = cut.split.snapshot();
  cut.world.old_db.open("test").batch("INSERT INTO public.item VALUES (1, 1, 'one')");
  cut.split.renew(cut.target, cut.world.owner, Duration());
  CHECK(cut.split.snapshot() != start);
  postgres::Transaction claiming(cut.target);
  CHECK_FALSE(claim_piece(cut.target, cut.world.owner)->late);
}

TEST_CASE("a snapshot stays where somebody waits for the table's lock, who would wait for ever") {
  Cut cut;
  const std::string first = cut.split.exported();
  postgres::Session application = cut.world.old_db.open("application");
  std::thread waiting([&] {
    const Error error =
        error_of([&] { application.batch("SET lock_timeout = '4s'; TRUNCATE public.item"); });
    CHECK(error.sqlstate() == "55P03");
  });
  postgres::Session look = cut.world.old_db.open("look");
  CHECK(left_after_a_moment([&] {
          return look
              .query(
                  "SELECT 1 - count(*) FROM pg_locks WHERE NOT granted AND mode = "
                  "'AccessExclusiveLock'")
              .int64(0, 0);
        }) == 0);
  cut.split.renew(cut.target, cut.world.owner, Duration());
  CHECK(cut.split.exported() == first);
  CHECK(cut.is_there(first));
  waiting.join();
  cut.split.renew(cut.target, cut.world.owner, Duration());
  CHECK(cut.split.exported() != first);
}

TEST_CASE("a copy lets go of its snapshot in time, if it is told to") {
  Copied renewed(item, {"item"}, always);
  CHECK(renewed.different() == std::vector<std::string>{});
  Copied kept(item, {"item"}, Duration());
  CHECK(renewed.horizons > 5 * kept.horizons);
  CHECK(kept.different() == std::vector<std::string>{});
}
