// A table that is compared in pieces, at a point that moves on after each of them.
#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "sync/copy.h"
#include "sync/drain.h"
#include "sync/verify.h"
#include "world.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

constexpr int rows = 1200;
constexpr std::uint64_t pages_at_a_time = 32;
// A row or two a page, with room for what they become.
constexpr const char* item =
    "CREATE TABLE public.item (part int NOT NULL, id int, body text, PRIMARY KEY (part, id)) ";
constexpr const char* plain = "WITH (fillfactor = 30);";
constexpr const char* partitioned =
    "PARTITION BY LIST (part);"
    "CREATE TABLE public.item_0 PARTITION OF public.item FOR VALUES IN (0) WITH (fillfactor = 30);"
    "CREATE TABLE public.item_1 PARTITION OF public.item FOR VALUES IN (1) WITH (fillfactor = 30);"
    "CREATE TABLE public.item_2 PARTITION OF public.item DEFAULT;";

/// Drains and snapshots, one after another; each is held for one range.
class Moving final : public CommonPoints {
 public:
  explicit Moving(World& world) : world_(world), now_(take()) {}
  CommonSnapshot present() override { return of(*now_); }
  bool due() const override { return true; }
  bool move_on(const CarryOver& carry_over) override {
    std::unique_ptr<Held> next = take();
    const bool carried = carry_over(of(*now_), of(*next));
    now_ = std::move(next);
    ++moves;
    return carried;
  }
  int moves = 0;

 private:
  struct Held {
    Held(World& world)
        : drain(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                world.log),
          target(world.new_db.open("verify")),
          point(drain.run_keeping_snapshot().snapshot),
          snapshot(target, postgres::one_snapshot) {
      target.query("SELECT 1");  // which takes it
    }
    Drain drain;
    postgres::Session target;
    std::string point;
    postgres::Transaction snapshot;
  };
  static CommonSnapshot of(Held& held) {
    return {held.drain.source_session(), held.target, held.point};
  }
  std::unique_ptr<Held> take() { return std::make_unique<Held>(world_); }

  World& world_;
  std::unique_ptr<Held> now_;
};

struct Compared {
  explicit Compared(const std::string& how) {
    world.add_schema(std::string(item) + how);
    world.old_db.open("test").batch(
        fmt::format("INSERT INTO public.item SELECT i % 3, i, repeat('b', 900) FROM "
                    "generate_series(1, {}) i",
                    rows));
    world.start(Direction::forward);
    copy_tables(world.databases, Direction::forward, world.tables, world.apply_token, world.owner,
                {}, {world.clock, world.stop, world.log, world.progress});
  }
  const SyncedTable& table() const {
    return *std::find_if(world.tables.begin(), world.tables.end(),
                         [](const SyncedTable& t) { return t.table.name == "item"; });
  }
  std::optional<TableComparison> compare() {
    Moving points(world);
    auto comparison = compare_in_pieces(points, table(), Direction::forward, pages_at_a_time, 100,
                                        world.stop, world.progress);
    moves = points.moves;
    return comparison;
  }
  std::set<std::string> differences() {
    const auto comparison = compare();
    REQUIRE(comparison);
    CHECK(comparison->equal == comparison->differences.empty());
    std::set<std::string> found;
    for (const RowDifference& difference : comparison->differences) {
      found.insert(difference.key + ": " + difference.kind);
    }
    return found;
  }
  void falsify(const std::string& sql) {
    open_apply_session(world.new_db, "test", world.apply_token).batch(sql);
  }

  World world{15, 17};
  int moves = 0;
};

/// Rows that move between pages and partitions, come, go and change, at the same time on as many
/// pages as it gets to; `spared` ones are left alone.
class Unrest {
 public:
  Unrest(const Database& source, int spared)
      : session_(source.open("unrest")), thread_([this, spared] {
          while (!done_) {
            session_.batch(fmt::format(
                "UPDATE public.item SET body = body || repeat('x', 400) WHERE id % 97 = {0} AND id "
                "> {1} AND length(body) < 3000;"
                "UPDATE public.item SET part = (part + 1) % 4 WHERE id % 89 = {0} AND id > {1};"
                "DELETE FROM public.item WHERE id % 83 = {0} AND id > {1};"
                "INSERT INTO public.item SELECT 0, {2} + i, 'new' FROM generate_series(1, 20) i",
                turns_ % 80, spared, 100000 + turns_ * 20));
            ++turns_;
            std::this_thread::sleep_for(std::chrono::milliseconds(3));
          }
        }) {}
  ~Unrest() {
    done_ = true;
    thread_.join();
  }
  int turns() const { return turns_; }

 private:
  postgres::Session session_;
  std::atomic<bool> done_{false};
  std::atomic<int> turns_{0};
  std::thread thread_;
};

}  // namespace

TEST_CASE("what changes between two pieces of a comparison is no difference") {
  const std::string how = GENERATE(plain, partitioned);
  Compared compared(how);
  Unrest unrest(compared.world.old_db, 0);
  CHECK(compared.differences() == std::set<std::string>{});
  CHECK(compared.moves >= 5);
  CHECK(unrest.turns() >= 3);
}

TEST_CASE("a row that differs is found wherever the pieces are cut, also under load") {
  const std::string how = GENERATE(plain, partitioned);
  const bool load = GENERATE(false, true);
  CAPTURE(how, load);
  Compared compared(how);
  // Of the first 400, which nobody changes: they lie in several pieces.
  std::set<std::string> expected;
  std::string sql;
  for (int id = 1; id <= 400; id += 13) {
    const std::string key = fmt::format("{}\t{}", id % 3, id);
    switch (id % 3) {
      case 0:
        sql += fmt::format("UPDATE public.item SET body = 'false' WHERE id = {};", id);
        expected.insert(key + ": different");
        break;
      case 1:
        sql += fmt::format("DELETE FROM public.item WHERE id = {};", id);
        expected.insert(key + ": only in source");
        break;
      default:
        sql += fmt::format("INSERT INTO public.item VALUES (0, -{}, 'false');", id);
        expected.insert(fmt::format("0\t-{}: only in target", id));
    }
  }
  compared.falsify(sql);
  std::optional<Unrest> unrest;
  if (load) {
    unrest.emplace(compared.world.old_db, 400);
  }
  CHECK(compared.differences() == expected);
  CHECK(compared.moves >= 15);  // three times through the table
}

TEST_CASE("a table that was emptied between two pieces is begun anew") {
  Compared compared(partitioned);
  Moving points(compared.world);
  ReadInPieces reading(
      compared.table(), Direction::forward, points.present(), pages_at_a_time,
      [](std::string_view, std::string_view, bool) {},
      [](std::string_view, std::string_view, bool) {});
  CHECK_FALSE(reading.read(
      points.present(), [] { return true; }, compared.world.stop, compared.world.progress));
  const auto carry_over = [&](const CommonSnapshot& from, const CommonSnapshot& to) {
    return reading.move(from, to);
  };
  CHECK(points.move_on(carry_over));
  // Nothing was read of this one at the present point, which has no lock of it.
  compared.world.old_db.open("test").batch("TRUNCATE public.item_2");
  CHECK_FALSE(points.move_on(carry_over));
}
