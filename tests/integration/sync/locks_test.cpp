// Putting capture on, and taking it off, never makes the application wait for longer than the lock
// timeout, whatever others do with the table meanwhile.
#include <catch2/catch.hpp>
#include <future>

#include "base/error.h"
#include "fixtures/error_of.h"
#include "obstacles.h"

using namespace crossover;
using namespace crossover::sync;
using namespace crossover::test;

namespace {

constexpr std::chrono::milliseconds lock_timeout{100};
// The contract is the lock timeout; this leaves room for a machine that is busy.
constexpr Duration longest_wait = 10 * lock_timeout;

/// A client of the table that is in the way, which knows how long its longest statement took.
class Application {
 public:
  explicit Application(World& world)
      : session_(world.old_db.open("application")), thread_([this] { run(); }) {}
  ~Application() { end(); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  Duration longest() {
    end();
    return longest_;
  }
  std::string failure() const { return failure_; }

 private:
  void end() {
    done_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  void run() {
    try {
      while (!done_) {
        const auto start = std::chrono::steady_clock::now();
        session_.batch("UPDATE public.counter SET value = value + 1 WHERE id = 1");
        longest_ = std::max<Duration>(longest_, std::chrono::steady_clock::now() - start);
      }
    } catch (const Error& error) {
      failure_ = error.text();
    }
  }
  std::atomic<bool> done_{false};
  Duration longest_{};
  std::string failure_;
  postgres::Session session_;
  std::thread thread_;
};

/// Counts the attempts that found the table locked.
struct Attempts final : Log {
  void write(LogLevel /*level*/, std::string_view text) override {
    if (text.find("lock not available") != std::string_view::npos) {
      ++failed;
    }
  }
  std::atomic<int> failed{0};
};

struct Installation {
  explicit Installation(World& a_world, Duration total = std::chrono::seconds(60))
      : world(a_world), budget{lock_timeout, total} {
    postgres::Session session = world.old_db.open("state");
    install_state(session, "test", Side::old_side, world.apply_token);
  }
  InstallContext context() { return {world.clock, world.stop, attempts, budget}; }
  void install() {
    postgres::Session session = world.old_db.open("install");
    install_capture(session, world.tables, world.apply_token, context());
    CHECK(capture_stands(session, world.tables));
  }
  void remove() {
    postgres::Session session = world.old_db.open("install");
    remove_capture(session, world.tables, context());
    CHECK(session.query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crossover_capture_%'")
              .int64(0, 0) == 0);
  }
  /// Goes on while the obstacle is there, and ends well when it is gone: five attempts, of which
  /// each fourth may be longer.
  void await_end(const std::function<void()>& step, std::unique_ptr<Obstacle> obstacle) {
    attempts.failed = 0;
    std::future<void> ended = std::async(std::launch::async, step);
    const bool blocked =
        poll(world.clock, world.stop, std::chrono::seconds(60), std::chrono::milliseconds(10),
             [&] { return attempts.failed >= 5 || is_ready(ended); });
    CHECK(blocked);
    CHECK_FALSE(is_ready(ended));
    obstacle.reset();
    CHECK(ended.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    ended.get();
  }
  static bool is_ready(std::future<void>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  void drop_a_trigger() {
    world.old_db.open("hand").batch("DROP TRIGGER crossover_capture_update ON public.counter");
  }

  World& world;
  LockBudget budget;
  Attempts attempts;
};

using Make = std::function<std::unique_ptr<Obstacle>()>;

/// Installation (where `writes` says that this needs more than to read), removal and mending of
/// what is left by halves, each against the obstacle.
void go_against(World& world, bool writes, const Make& make) {
  Installation installation(world);
  Application application(world);
  const auto install = [&] { installation.install(); };
  const auto remove = [&] { installation.remove(); };
  if (writes) {
    installation.await_end(install, make());
  } else {
    const auto obstacle = make();
    install();
    CHECK(installation.attempts.failed == 0);
  }
  installation.drop_a_trigger();
  installation.await_end(install, make());
  installation.await_end(remove, make());
  CHECK(seconds(application.longest()) <= seconds(longest_wait));
  CHECK(application.failure().empty());
}

}  // namespace

TEST_CASE("capture comes and goes beside a transaction that has written") {
  World world(15, 17);
  go_against(world, true, [&] {
    return std::make_unique<OpenTransaction>(world,
                                             "UPDATE public.counter SET value = 7 WHERE id = 2");
  });
}

TEST_CASE("capture comes and goes beside a vacuum") {
  World world(15, 17);
  go_against(world, true, [&] { return std::make_unique<Vacuum>(world); });
}

TEST_CASE("capture comes and goes beside a queue for a row") {
  World world(15, 17);
  go_against(world, false, [&] { return std::make_unique<RowQueue>(world); });
}

TEST_CASE("capture comes and goes beside a pg_dump") {
  World world(15, 17);
  go_against(world, false, [&] {
    return std::make_unique<OpenTransaction>(
        world, "SELECT count(*) FROM public.counter, public.role WHERE false");
  });
}

TEST_CASE("an autovacuum gives way, one against wraparound is waited for") {
  World world(15, 17);
  world.old_server.set("autovacuum_naptime", "1");
  Installation installation(world);
  Application application(world);
  SECTION("the usual one") {
    const Autovacuum obstacle(world, Autovacuum::Kind::usual);
    installation.install();
  }
  SECTION("one against wraparound") {
    installation.await_end(
        [&] { installation.install(); },
        std::make_unique<Autovacuum>(world, Autovacuum::Kind::against_wraparound));
  }
  CHECK(seconds(application.longest()) <= seconds(longest_wait));
  CHECK(application.failure().empty());
}

TEST_CASE("who holds the lock for longer than the budget is named") {
  World world(15, 17);
  Installation installation(world, std::chrono::seconds(2));
  const OpenTransaction obstacle(world, "UPDATE public.counter SET value = 7 WHERE id = 2");
  const Error error = error_of([&] { installation.install(); });
  CHECK(error.kind() == ErrorKind::timeout);
  CHECK_THAT(error.message(),
             Catch::Matches("unable to install capture on 'public.counter': no lock within 2 s, "
                            "blocked by pid [0-9]+ \\(crossover test obstacle, role postgres, from "
                            "127.0.0.1, idle in transaction, for [0-9] s\\)"));
  CHECK(error.hint() == "end that transaction or wait for it, then run the same command again");
}

TEST_CASE("who reads the log, as a pg_dump does, holds up its end and is named") {
  World world(15, 17);
  Installation installation(world, std::chrono::seconds(2));
  installation.install();
  Application application(world);
  {
    const OpenTransaction obstacle(world, "SELECT FROM crossover.log_1");
    CHECK_THAT(
        error_of([&] { installation.remove(); }).message(),
        Catch::Matches("unable to drop the capture log on '[a-zA-Z\\. \"]+': no lock within "
                       "2 s, blocked by pid [0-9]+ \\(crossover test obstacle, role postgres, "
                       "from 127.0.0.1, idle in transaction, for [0-9] s\\)"));
  }
  installation.remove();
  postgres::Session session = world.old_db.open("check");
  CHECK(session.query("SELECT to_regclass('crossover.log_1')").is_null(0, 0));
  {
    const OpenTransaction obstacle(world, "SELECT FROM crossover.evidence");
    const Error error = error_of([&] { drop_state(session, lock_timeout); });
    CHECK(error.kind() == ErrorKind::timeout);
    CHECK(error.message().ends_with("canceling statement due to lock timeout"));
    CHECK(
        error.hint() ==
        "somebody reads it, as a pg_dump does: wait for its end, then run the same command again");
  }
  CHECK(drop_state(session));
  CHECK(seconds(application.longest()) <= seconds(longest_wait));
}

// Without the right to lower deadlock_timeout (1 s), as most migration roles.
TEST_CASE("a role without rights on settings makes nobody wait any longer") {
  World world(15, 17);
  postgres::Session admin = world.old_db.open("admin");
  admin.batch(
      "CREATE ROLE mover LOGIN; GRANT CREATE ON DATABASE app TO mover;"
      "ALTER TABLE public.counter OWNER TO mover");
  const auto counter = [](const SyncedTable& table) { return table.table.name != "counter"; };
  std::erase_if(world.tables, counter);
  const auto as_mover = [&] {
    postgres::Session session = world.old_db.open("mover");
    session.batch("SET SESSION AUTHORIZATION mover");
    return session;
  };
  {
    postgres::Session session = as_mover();
    install_state(session, "test", Side::old_side, world.apply_token);
  }
  Installation installation(world);
  Application application(world);
  const auto install = [&] {
    postgres::Session session = as_mover();
    install_capture(session, world.tables, world.apply_token, installation.context());
  };
  SECTION("for a transaction") {
    installation.await_end(install, std::make_unique<OpenTransaction>(
                                        world, "UPDATE public.counter SET value = 7 WHERE id = 2"));
    CHECK(seconds(application.longest()) <= seconds(longest_wait));
  }
  SECTION("but for an autovacuum, which gives way to those who wait for that long") {
    world.old_server.set("autovacuum_naptime", "1");
    const Autovacuum obstacle(world, Autovacuum::Kind::usual);
    install();
    CHECK(seconds(application.longest()) <= 2.5);
  }
  CHECK(capture_stands(admin, world.tables));
}
