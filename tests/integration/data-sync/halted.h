#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fixtures/memory.h"
#include "integration/data-sync/place.h"

namespace crossover::test {

/// The task as a process that stops by itself at a stop point, so that a test can do there to
/// networks, servers and disks what it likes. Killed with this object at the latest, and when the
/// test dies.
class Halted {
 public:
  /// Returns when the process has stopped at `point`; throws when it has ended before.
  Halted(const Place& place, std::vector<std::string> arguments, const std::string& point)
      : directory_(place.directory.path()) {
    spawn(place, std::move(arguments), point + ":stop");
    await_stop();
  }
  /// Goes on from there to a second point.
  Halted(const Place& place, std::vector<std::string> arguments, const std::string& point,
         const std::string& next_point)
      : directory_(place.directory.path()) {
    spawn(place, std::move(arguments), point + ":stop," + next_point + ":stop");
    await_stop();
  }
  ~Halted() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Halted(const Halted&) = delete;
  Halted& operator=(const Halted&) = delete;

  /// Returns when the process has stopped at its (next) point; throws when it has ended before.
  void await_stop() {
    if (!WIFSTOPPED(next_status(WUNTRACED, std::chrono::seconds(60)))) {
      pid_ = -1;
      throw std::runtime_error("it ended before its stop point: " + files::read(err()));
    }
  }
  void wake() const { ::kill(pid_, SIGCONT); }

  /// Waits for its end, after `wake`. One that goes on for longer than `budget` has failed.
  process::Outcome end(Duration budget = std::chrono::seconds(60)) {
    const int status = next_status(0, budget);
    pid_ = -1;
    return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
            .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            .out = files::read(out()),
            .err = files::read(err()),
            .truncated = false};
  }
  /// SIGKILL; returns when it is gone.
  void kill() {
    ::kill(pid_, SIGKILL);
    next_status(0, std::chrono::seconds(10));
    pid_ = -1;
  }
  /// The most memory that it has had.
  std::uint64_t peak_size() const { return process_size(std::to_string(pid_), "VmHWM"); }
  process::Outcome go_on(Duration budget = std::chrono::seconds(60)) {
    wake();
    return end(budget);
  }

 private:
  int next_status(int options, Duration budget) const {
    const auto deadline = std::chrono::steady_clock::now() + budget;
    int status = 0;
    while (::waitpid(pid_, &status, options | WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("it hangs: " + files::read(err()));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return status;
  }

  std::filesystem::path out() const { return directory_ / (name_ + ".out"); }
  std::filesystem::path err() const { return directory_ / (name_ + ".err"); }

  void spawn(const Place& place, std::vector<std::string> arguments, const std::string& points) {
    std::vector<std::string> argv = {"setpriv", "--pdeathsig", "KILL", "--", CROSSOVER_DATA_SYNC};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"--config", (directory_ / "crossover.yaml").string()});
    std::vector<std::string> environment = {
        "CROSSOVER_STOP_AT=" + points,
        "TEST_PASSWORD=" + place.world.old_server.options().password.reveal()};
    for (char** entry = environ; *entry != nullptr; ++entry) {
      environment.emplace_back(*entry);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out().c_str(), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err().c_str(), flags, 0600);
    const int code = ::posix_spawnp(&pid_, argv.front().c_str(), &actions, nullptr,
                                    pointers(argv).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0) {
      throw std::runtime_error("unable to run setpriv");
    }
  }

  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (std::string& text : texts) {
      list.push_back(text.data());
    }
    list.push_back(nullptr);
    return list;
  }

  std::filesystem::path directory_;
  std::string name_ = sync::new_token();  // there may be several in one place
  pid_t pid_ = -1;
};

}  // namespace crossover::test
