#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "integration/cutover/service.h"

namespace crossover::test {
namespace {

using sync::Side;

/// The driver as a process of its own. Ends with this object.
class Process {
 public:
  Process(std::vector<std::string> arguments, const std::string& stop_at) {
    arguments.insert(arguments.begin(), CUTOVER_DRIVER);
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      if (!stop_at.empty()) {
        ::setenv("CROSSOVER_STOP_AT", stop_at.c_str(), 1);
      }
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  ~Process() {
    if (pid_ > 0 && !ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Its wait status once it has ended or stopped.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
    ended_ = !WIFSTOPPED(status);
    return status;
  }
  void wake() const { ::kill(pid_, SIGCONT); }

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
};

std::vector<std::string> guard_of(const Service& service, std::size_t index) {
  const auto all = service.driver_arguments();
  return {"guard", all[0], all[1], all[2 + index]};
}

std::vector<std::string> switch_of(const Service& service, const std::string& side) {
  std::vector<std::string> arguments = {"switch", side};
  for (const std::string& one : service.driver_arguments()) {
    arguments.push_back(one);
  }
  return arguments;
}

// Whether every pooler runs and leads to the one open gate.
bool serving(Service& service, Side& live) {
  live = service.number(Side::new_side,
                        "SELECT count(*) FROM pg_trigger WHERE tgname = 'crossover_gate' "
                        "AND tgenabled = 'D'") > 0
             ? Side::new_side
             : Side::old_side;
  try {
    for (std::size_t i = 0; i < service.pooler_count(); ++i) {
      const auto state = service.state(i);
      if (!state.serving || state.paused || state.target != live) {
        return false;
      }
    }
  } catch (const Error&) {
    return false;  // a guard at work ends the connections of other administrators, ours too
  }
  return true;
}

double seconds_until_serving(Service& service, Side& live) {
  const auto start = std::chrono::steady_clock::now();
  while (!serving(service, live)) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(20)) {
      return 20;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST_CASE("killed at any boundary, the guards alone bring the service back, and a rerun ends it") {
  Service service(2);
  Writers writers(service, 9, std::chrono::milliseconds(40));
  const Process first(guard_of(service, 0), {});
  const Process second(guard_of(service, 1), {});
  REQUIRE(writers.wait_for(30, std::chrono::seconds(60)));
  Side to = Side::new_side;
  for (const std::string point :
       {"switch-owner-taken", "switch-recorded", "switch-drained", "switch-paused", "switch-closed",
        "switch-before-commit", "switch-committed", "switch-opened", "switch-retargeted",
        "switch-resumed"}) {
    INFO(point);
    Process task(switch_of(service, std::string(sync::name(to))), point + ":kill");
    CHECK(WIFSIGNALED(task.wait()));
    Side live = Side::old_side;
    const double took = seconds_until_serving(service, live);
    std::cout << point << ": back on the " << sync::name(live) << " database after " << took
              << " s\n";
    CHECK(took < 5);
    REQUIRE(writers.wait_for(20, std::chrono::seconds(30)));
    Process again(switch_of(service, std::string(sync::name(to))), {});
    CHECK(again.wait() == 0);
    REQUIRE(serving(service, live));
    CHECK(live == to);
    to = sync::other(to);
  }
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, sync::other(to)) == std::vector<std::string>{});
}

TEST_CASE("a task that was stopped in the pause and wakes up late changes nothing") {
  Service service(1);
  Writers writers(service, 6, std::chrono::milliseconds(40));
  const Process guard(guard_of(service, 0), {});
  REQUIRE(writers.wait_for(20, std::chrono::seconds(60)));
  for (const std::string point : {"switch-paused", "switch-closed", "switch-before-commit"}) {
    INFO(point);
    Process task(switch_of(service, "new"), point + ":stop");
    REQUIRE(WIFSTOPPED(task.wait()));
    Side live = Side::new_side;
    const double took = seconds_until_serving(service, live);
    std::cout << point << " stopped: back on the " << sync::name(live) << " database after " << took
              << " s\n";
    CHECK(live == Side::old_side);
    REQUIRE(writers.wait_for(10, std::chrono::seconds(30)));
    task.wake();
    CHECK(WEXITSTATUS(task.wait()) != 0);
    REQUIRE(serving(service, live));
    CHECK(live == Side::old_side);
  }
  writers.stop();
  CHECK(writers.failures() == std::vector<std::string>{});
  CHECK(writers.differences(service, Side::old_side) == std::vector<std::string>{});
}

TEST_CASE("a pooler that starts anew is told by its guard where it leads") {
  Service service(1);
  service.pooler(0).kill();
  service.pooler(0).start(service.pooler(0).directory() / "start.ini");
  CHECK_FALSE(service.state(0).serving);
  const Process guard(guard_of(service, 0), {});
  Side live = Side::new_side;
  CHECK(seconds_until_serving(service, live) < 5);
  CHECK(live == Side::old_side);
}

TEST_CASE("with the new database gone in the middle of the pause the service stays paused") {
  Service service(1);
  Process task(switch_of(service, "new"), "switch-closed:kill");
  CHECK(WIFSIGNALED(task.wait()));
  service.server(Side::new_side).stop(PostgresServer::Stop::immediate);
  const Process guard(guard_of(service, 0), {});
  std::this_thread::sleep_for(std::chrono::seconds(4));  // longer than a guard needs to act
  CHECK(service.state(0).paused);
  CHECK(service.state(0).target == Side::old_side);
  service.server(Side::new_side).start();
  Side live = Side::new_side;
  CHECK(seconds_until_serving(service, live) < 10);
  CHECK(live == Side::old_side);
}

}  // namespace
}  // namespace crossover::test
