#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"
#include "integration/cutover/service.h"
#include "process/command.h"
#include "sync/database.h"

namespace crossover::test {

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

/// The driver to its end, with what it wrote.
inline process::Outcome run_driver(std::vector<std::string> arguments, const std::string& stop_at) {
  arguments.insert(arguments.begin(), CUTOVER_DRIVER);
  process::Command command;
  command.argv = std::move(arguments);
  command.environment = {{"CROSSOVER_STOP_AT", stop_at}};
  command.timeout = std::chrono::minutes(2);
  return process::run(command);
}

/// Where a switch can be met between its last drain and the end of its pause.
inline const std::vector<std::string> points_of_pause = {
    "switch-drained", "switch-paused",        "switch-source-locked",
    "switch-closed",  "switch-before-commit", "switch-committed",
    "switch-opened",  "switch-retargeted",    "switch-resumed"};

inline std::vector<std::string> guard_of(const Service& service, std::size_t index) {
  const auto all = service.driver_arguments();
  return {"guard", all[0], all[1], all[2 + index]};
}

inline std::vector<std::string> switch_of(const Service& service, const std::string& side) {
  std::vector<std::string> arguments = {"switch", side};
  for (const std::string& one : service.driver_arguments()) {
    arguments.push_back(one);
  }
  return arguments;
}

/// Whether every pooler runs and leads to the one open gate.
inline bool serving(Service& service, Side& live) {
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

/// How long until all poolers serve, and where. Throws Error{timeout} after 60 s.
inline double seconds_until_serving(Service& service, Side& live) {
  const auto start = std::chrono::steady_clock::now();
  while (!serving(service, live)) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(60)) {
      throw Error(ErrorKind::timeout, "unable to see 'the poolers' serve: not after 60 s");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace crossover::test
