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
    Writers writers(world.old_server, 2);
    whole = time_of([&] { place.run(0, {"start"}); });
    place.run(0, {"verify"});
    carry_the_rest(place, writers);
    undisturbed = structures(world);
    place.run(0, {"abort"});
  }
  for (int kills = 0; kills < start_kills;) {
    empty_new_side(world);
    const Duration lifetime = moments.between({}, whole);
    INFO("killed after " << seconds(lifetime) << " s");
    Writers writers(world.old_server, 2);
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
    carry_the_rest(place, writers);
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
    Writers writers(world.old_server, 2);
    REQUIRE(was_killed(place.start({"follow"}, {}, lifetime)));
    std::cout << fmt::format("follow killed after {:.3f} s\n", seconds(lifetime));
    carry_the_rest(place, writers);
    CHECK(structures(world) == undisturbed);
    CHECK(left_behind(world) == 0);
  }
}
