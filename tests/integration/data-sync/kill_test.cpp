// SIGKILL at random moments, wherever the programs are just then.
#include <iostream>

#include "fixtures/moments.h"
#include "integration/data-sync/place.h"

using namespace crossover;
using namespace crossover::test;

namespace {

using sync::Side;

constexpr int start_kills = 6;
constexpr int follow_kills = 4;

/// Everything that Crossover has in a database but for the rows that change with each drain:
/// triggers and their states, functions, relations, what is recorded of the tables.
std::string structure(postgres::Session& session) {
  const postgres::Rows rows = session.query(R"(
    SELECT string_agg(line, E'\n' ORDER BY line) FROM (
      SELECT format('trigger %s of %s: %s', tgname, tgrelid::regclass, tgenabled) AS line
        FROM pg_trigger WHERE NOT tgisinternal
      UNION ALL SELECT format('function %s', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'crossover'::regnamespace
      UNION ALL SELECT format('relation %s %s', oid::regclass, relkind) FROM pg_class
        WHERE relnamespace = 'crossover'::regnamespace
      UNION ALL SELECT format('table %s.%s: %s, copied %s', schema_name, table_name, policy, copied)
        FROM crossover.synced_table
      UNION ALL SELECT format('position %s', direction) FROM crossover.position
      UNION ALL SELECT format('migration %s: %s %s', name, phase, moving_to)
        FROM crossover.migration) lines)");
  return std::string(rows.text(0, 0));
}

std::string structures(World& world) {
  postgres::Session old_side = world.old_db.open("check");
  postgres::Session new_side = world.new_db.open("check");
  return structure(old_side) + "\n--- new ---\n" + structure(new_side);
}

/// Sessions and advisory locks that a killed program has left, once the server has had a moment.
std::int64_t left_behind(World& world) {
  static constexpr const char* count =
      "SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') + "
      "(SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
      "AND application_name LIKE 'crossover %' AND application_name NOT LIKE 'crossover test %')";
  return left_after_a_moment([&] {
    std::int64_t left = 0;
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = world.databases.at(side).open("check");
      left += session.query(count).int64(0, 0);
    }
    return left;
  });
}

/// The load of one round, and the comparison of what it was told with both databases.
class Round {
 public:
  explicit Round(World& world) : world_(world), before_(counts(world.old_db)) {
    writers_.emplace(world.old_server, 2);
  }

  void stop() { writers_->stop(); }

  /// Writers have stopped and all is carried: nothing acknowledged is missing on either side, and
  /// nothing is there twice.
  void check_nothing_lost() {
    CHECK(writers_->failures() == 0);
    CHECK(writers_->last_failure().empty());
    std::vector<std::int64_t> expected = before_;
    const std::vector<std::int64_t> increments = writers_->increments();
    for (std::size_t i = 0; i < increments.size(); ++i) {
      expected[i] += increments[i];
      expected.back() += increments[i];
    }
    for (const sync::Database* database : {&world_.old_db, &world_.new_db}) {
      CHECK(counts(*database) == expected);
      postgres::Session session = database->open("check");
      const postgres::Rows rows = session.query("SELECT token FROM public.event");
      std::set<std::string> missing = writers_->tokens();
      for (std::size_t i = 0; i < rows.size(); ++i) {
        missing.erase(std::string(rows.text(i, 0)));
      }
      CHECK(missing == std::set<std::string>{});
    }
    CHECK(world_.equal_by_sql());
  }

 private:
  // The counters of the writers, then the events of all: each transaction adds one to both.
  static std::vector<std::int64_t> counts(const sync::Database& database) {
    postgres::Session session = database.open("check");
    std::vector<std::int64_t> values;
    for (const char* sql :
         {"SELECT value FROM public.counter WHERE id = 1",
          "SELECT value FROM public.counter WHERE id = 2", "SELECT count(*) FROM public.event"}) {
      values.push_back(session.query(sql).int64(0, 0));
    }
    return values;
  }

  World& world_;
  std::vector<std::int64_t> before_;
  std::optional<Writers> writers_;
};

Duration time_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - begin;
}

}  // namespace

TEST_CASE("a start that was killed at random moments ends as an undisturbed one") {
  World world(15, 17);
  const Place place(world);
  Moments moments("data-sync start");
  std::string undisturbed;
  Duration whole{};
  {
    Round round(world);
    whole = time_of([&] { place.run(0, {"start"}); });
    place.run(0, {"verify"});
    round.stop();
    place.run(0, {"follow", "--until-caught-up"});
    round.check_nothing_lost();
    undisturbed = structures(world);
    place.run(0, {"abort"});
  }
  for (int kills = 0; kills < start_kills;) {
    empty_new_side(world);
    const Duration lifetime = moments.between({}, whole);
    INFO("killed after " << seconds(lifetime) << " s");
    Round round(world);
    const process::Outcome outcome = place.start({"start"}, {}, lifetime);
    if (was_killed(outcome)) {
      ++kills;
      std::cout << fmt::format("start killed after {:.3f} of {:.3f} s\n", seconds(lifetime),
                               seconds(whole));
    } else {
      REQUIRE(outcome.exit_code == 0);
      whole = whole * 9 / 10;  // it was quicker than expected
    }
    place.run(0, {"start"});
    CHECK(place.run(0, {"start"})["changed"] == false);
    place.run(0, {"verify"});
    round.stop();
    place.run(0, {"follow", "--until-caught-up"});
    round.check_nothing_lost();
    CHECK(structures(world) == undisturbed);
    CHECK(left_behind(world) == 0);
    place.run(0, {"abort"});
  }
}

TEST_CASE("a follower that was killed at random moments is followed by one that loses nothing") {
  World world(15, 17);
  const Place place(world);
  Moments moments("data-sync follow");
  place.run(0, {"start"});
  const auto undisturbed = structures(world);
  for (int kills = 0; kills < follow_kills; ++kills) {
    const Duration lifetime = moments.between({}, std::chrono::milliseconds(1500));
    INFO("killed after " << seconds(lifetime) << " s");
    Round round(world);
    REQUIRE(was_killed(place.start({"follow"}, {}, lifetime)));
    std::cout << fmt::format("follow killed after {:.3f} s\n", seconds(lifetime));
    round.stop();
    place.run(0, {"follow", "--until-caught-up"});
    round.check_nothing_lost();
    CHECK(structures(world) == undisturbed);
    CHECK(left_behind(world) == 0);
  }
}
