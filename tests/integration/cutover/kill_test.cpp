// route-switch killed by SIGKILL at random moments, wherever it is just then, under load.
#include <iostream>

#include "fixtures/moments.h"
#include "integration/cutover/driver.h"
#include "integration/cutover/site.h"

namespace crossover::test {
namespace {

constexpr int kills_wanted = 10;

constexpr std::array both_sides = {Side::old_side, Side::new_side};

std::string text(Service& service, Side side, const std::string& sql) {
  return std::string(service.server(side).connect("app").query(sql).text(0, 0));
}

/// Every row of a table, sorted: a comparison that is not the product's own.
std::string dump(Service& service, Side side, const std::string& table) {
  return text(service, side,
              "SELECT string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\") FROM public." +
                  table + " t");
}

/// What stands in a database once a move to `live` is over, and what stands there now.
std::string expected_state(Side side, Side live) {
  return fmt::format("gates {} moving to '' phase {}", side == live ? "DD" : "AA",
                     live == Side::new_side ? "switched" : "following");
}
std::string state_of(Service& service, Side side) {
  return text(service, side, R"(
    SELECT format('gates %s moving to ''%s'' phase %s',
      (SELECT string_agg(tgenabled::text, '' ORDER BY tgrelid) FROM pg_trigger
        WHERE tgname = 'crossover_gate'), moving_to, phase) FROM crossover.migration)");
}

/// Locks and transactions that a killed program has left, once the servers have had a moment.
std::int64_t left_behind(Service& service) {
  static constexpr const char* count =
      "SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') + "
      "(SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'crossover %' "
      "AND application_name <> 'crossover look' AND xact_start IS NOT NULL)";
  return left_after_a_moment([&] {
    return service.number(Side::old_side, count) + service.number(Side::new_side, count);
  });
}

void check_settled(Service& service, Side live) {
  Side found = Side::old_side;
  seconds_until_serving(service, found);
  CHECK(found == live);
  for (const Side side : both_sides) {
    CHECK(state_of(service, side) == expected_state(side, live));
  }
  for (const std::string table : {"profile", "event"}) {
    // No id that is taken may be handed out again.
    CHECK(service.number(live, fmt::format("SELECT (SELECT last_value FROM public.{0}_id_seq) - "
                                           "(SELECT max(id) FROM public.{0})",
                                           table)) >= 0);
  }
  CHECK(left_behind(service) == 0);
}

TEST_CASE("switch and rollback killed at random moments end as undisturbed ones") {
  Site site;
  Service& service = site.service();
  Moments moments("route-switch");
  Writers writers(service, 6, std::chrono::milliseconds(20));
  const Process guard(guard_of(service, 0), {});
  REQUIRE(writers.wait_for(20, std::chrono::seconds(60)));

  const auto begin = std::chrono::steady_clock::now();
  const nlohmann::json undisturbed = site.run(0, {"switch"});
  Duration whole = std::chrono::steady_clock::now() - begin;
  const auto paused = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(undisturbed["metrics"]["paused_seconds"].get<double>()));
  check_settled(service, Side::new_side);

  Side live = Side::new_side;
  for (int kills = 0; kills < kills_wanted;) {
    const Side to = sync::other(live);
    // Every other one about the pause, which is short and at the end.
    const Duration lifetime =
        kills % 2 == 0
            ? moments.between({}, whole)
            : moments.between(whole - 2 * paused - std::chrono::milliseconds(100), whole);
    INFO(verb_to(to) << " killed after " << seconds(lifetime) << " s");
    if (!was_killed(site.start({verb_to(to)}, {}, lifetime))) {
      whole = whole * 19 / 20;  // it was quicker than expected
      live = to;
      check_settled(service, live);
      continue;
    }
    ++kills;
    Side side = live;
    const double took = seconds_until_serving(service, side);
    const bool undone = moments.coin();
    std::cout << fmt::format(
        "{} killed after {:.3f} of {:.3f} s: on the {} database after {:.2f} s, then {}\n",
        verb_to(to), seconds(lifetime), seconds(whole), sync::name(side), took,
        undone ? "undone" : "run again");
    REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
    live = undone ? live : to;
    site.run(0, {verb_to(live)});
    check_settled(service, live);
    REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
  }

  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, live) == std::vector<std::string>{});
  CHECK(service.number(live, "SELECT count(*) FROM public.event") ==
        static_cast<std::int64_t>(writers.acknowledged()));
  // Nobody writes any more, so a last move makes both the same.
  site.run(0, {verb_to(sync::other(live))});
  for (const std::string table : {"profile", "event"}) {
    CHECK(dump(service, Side::old_side, table) == dump(service, Side::new_side, table));
  }
}

}  // namespace
}  // namespace crossover::test
