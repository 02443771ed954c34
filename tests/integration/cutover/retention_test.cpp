// What is kept for how long, when switches and rollbacks are days apart. Only the clock is not
// real.
#include <atomic>
#include <catch2/catch.hpp>

#include "cutover/switch.h"
#include "integration/cutover/service.h"
#include "sync/drain.h"
#include "sync/state.h"

namespace crossover::test {
namespace {

using sync::Direction;
using sync::Side;

/// The machine's clock, put forward by hand.
class SimulatedClock final : public Clock {
 public:
  Monotonic now() const override {
    return clock_.now() + std::chrono::duration_cast<Monotonic::duration>(ahead_.load());
  }
  Wall wall() const override {
    return clock_.wall() + std::chrono::duration_cast<Wall::duration>(ahead_.load());
  }
  void sleep(Duration duration) const override { clock_.sleep(duration); }
  void pass(Duration time) { ahead_ = ahead_.load() + time; }

 private:
  SystemClock clock_;
  std::atomic<Duration> ahead_{Duration::zero()};
};

constexpr auto retention = std::chrono::minutes(10);
constexpr auto days = std::chrono::hours(72);

std::int64_t logged(Service& service, Side side) {
  return service.number(
      side,
      "SELECT (SELECT count(*) FROM crossover.log_1) + (SELECT count(*) FROM crossover.log_2)");
}

void bring_to(Service& service, Side to, const Clock& clock) {
  cutover::SwitchOptions options;
  options.migration = migration;
  options.to = to;
  options.pause_budget = std::chrono::seconds(5);
  cutover::Fleet fleet = service.fleet();
  NoLog log;
  const StopRequest stop;
  CHECK(cutover::run_switch(service.databases(), fleet, options, clock, log, stop).changed);
}

/// As `data-sync follow` becomes it.
sync::Drain follower(Service& service, Direction direction, Log& log) {
  const std::string token = sync::new_token();
  for (const Side side : {Side::old_side, Side::new_side}) {
    postgres::Session session = service.databases().at(side).open("follow");
    sync::take_drainer(session, token);
  }
  postgres::Session session = service.databases().at(sync::target(direction)).open("follow");
  const sync::Migration migration = *sync::read_migration(session);
  return {service.databases(),   direction, sync::read_tables(session),
          migration.apply_token, token,     log};
}

TEST_CASE("three switches and rollbacks, days apart, lose nothing to retention") {
  Service service(1, 50);
  SimulatedClock clock;
  NoLog log;
  Writers writers(service, 3, std::chrono::milliseconds(5));
  const auto written = [&] { REQUIRE(writers.wait_for(30, std::chrono::seconds(60))); };
  Side live = Side::old_side;
  for (int round = 0; round < 6; ++round) {
    INFO(round);
    const Side left = live;
    live = sync::other(live);
    written();
    bring_to(service, live, clock);
    written();
    {
      sync::Drain drain = follower(service, sync::direction_to(left), log);
      drain.run();
      drain.purge(retention, clock);
      // What the target has is kept for as long as it might have to go back, and no longer.
      const std::int64_t kept = logged(service, live);
      CHECK(kept > 0);
      clock.pass(retention - std::chrono::seconds(30));
      CHECK(drain.purge(retention, clock) == 0);
      CHECK(logged(service, live) >= kept);
      written();
      drain.run();
      clock.pass(std::chrono::seconds(31));
      CHECK(drain.purge(retention, clock) > 0);
    }
    // For days nobody carries anything: what the rollback needs is kept, whoever tidies up.
    written();
    clock.pass(days);
    {
      sync::Drain idle = follower(service, sync::direction_to(left), log);
      idle.purge(retention, clock);
      clock.pass(days);
      idle.purge(retention, clock);
      CHECK(idle.lag() >= 60);
    }
  }
  bring_to(service, sync::other(live), clock);
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, sync::other(live)) == std::vector<std::string>{});
}

TEST_CASE("all that is carried goes from the log once its time is over") {
  Service service(1, 50);
  SimulatedClock clock;
  NoLog log;
  bring_to(service, Side::new_side, clock);
  Writers writers(service, 2, std::chrono::milliseconds(5));
  REQUIRE(writers.wait_for(30, std::chrono::seconds(60)));
  writers.stop();
  sync::Drain drain = follower(service, Direction::reverse, log);
  drain.run();
  drain.run();  // its snapshot is behind all that was written
  drain.purge(retention, clock);
  CHECK(logged(service, Side::new_side) >= 60);
  clock.pass(retention);
  CHECK(drain.purge(retention, clock) >= 60);
  CHECK(logged(service, Side::new_side) == 0);
}

TEST_CASE("a database that falls back by less than the retention is brought up again") {
  Service service(1, 50);
  SimulatedClock clock;
  NoLog log;
  bring_to(service, Side::new_side, clock);
  postgres::Session app = service.server(Side::new_side).connect("app");
  sync::Drain drain = follower(service, Direction::reverse, log);
  drain.run();
  postgres::Session old_side = service.databases().old_db.open("test");
  const std::string before(old_side
                               .query("SELECT snapshot FROM crossover.position "
                                      "WHERE direction = 'reverse'")
                               .text(0, 0));
  app.batch("UPDATE public.profile SET name = 'carried' WHERE id = 7");
  drain.run();
  drain.purge(retention, clock);
  clock.pass(retention - std::chrono::seconds(30));
  drain.purge(retention, clock);
  // As a replica without the last commits has it.
  old_side.query(
      "UPDATE crossover.position SET snapshot = $1::txid_snapshot "
      "WHERE direction = 'reverse'",
      {before});
  postgres::Session as_apply =
      sync::open_apply_session(service.databases().old_db, "test", Secret("apply-token-canary"));
  as_apply.batch("UPDATE public.profile SET name = 'p7' WHERE id = 7");
  CHECK(drain.run().keys == 1);
  CHECK(service.number(Side::old_side,
                       "SELECT count(*) FROM public.profile WHERE name = 'carried'") == 1);
}

TEST_CASE("a follower keeps the sequences behind it ahead of every row that it brings") {
  Service service(1, 50);
  SimulatedClock clock;
  NoLog log;
  bring_to(service, Side::new_side, clock);
  sync::Drain drain = follower(service, Direction::reverse, log);
  drain.keep_sequences_ahead(10);
  postgres::Session app = service.server(Side::new_side).connect("app");
  const auto next_at_old = [&] {
    return service.number(Side::old_side, "SELECT last_value FROM public.profile_id_seq");
  };
  const std::int64_t there =
      service.number(Side::new_side, "SELECT last_value FROM public.profile_id_seq");
  drain.run();  // what others have brought may be ahead
  CHECK(next_at_old() == there + 10);
  drain.run();
  CHECK(next_at_old() == there + 10);
  app.batch("INSERT INTO public.profile (name) VALUES ('brought')");
  const std::int64_t id = service.number(Side::new_side, "SELECT max(id) FROM public.profile");
  drain.run();
  CHECK(next_at_old() == id + 10);
}

}  // namespace
}  // namespace crossover::test
