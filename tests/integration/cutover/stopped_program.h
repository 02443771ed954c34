#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "files/files.h"
#include "process/command.h"

namespace crossover::test {

/// A program that stands still where CROSSOVER_STOP_AT says, `NAME:stop`, and goes on when it is
/// told to. Ends with this object.
class StoppedProgram {
 public:
  explicit StoppedProgram(const process::Command& command) {
    pid_ = ::fork();
    if (pid_ == 0) {
      become(command);
    }
  }
  ~StoppedProgram() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  StoppedProgram(const StoppedProgram&) = delete;
  StoppedProgram& operator=(const StoppedProgram&) = delete;

  /// Waits until it stands still, which it must, and lets it go on after `fault`.
  void break_at_stop(const std::function<void()>& fault) {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
    ended_ = !WIFSTOPPED(status);
    INFO(err());
    REQUIRE_FALSE(ended_);
    fault();
    ::kill(pid_, SIGCONT);
  }

  /// Its result document; `exit_code` must be what it ends with.
  nlohmann::json result(int exit_code) {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    INFO(err());
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == exit_code);
    return nlohmann::json::parse(files::read(folder_.path() / "out"));
  }

  std::string err() const { return files::read(folder_.path() / "err"); }

 private:
  [[noreturn]] void become(const process::Command& command) const {
    for (const auto& [name, value] : command.environment) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
    for (const auto& [name, value] : command.secret_environment) {
      ::setenv(name.c_str(), value.reveal().c_str(), 1);
    }
    const auto lead = [this](const char* file, int descriptor) {
      ::dup2(::open((folder_.path() / file).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600),
             descriptor);
    };
    lead("out", STDOUT_FILENO);
    lead("err", STDERR_FILENO);
    std::vector<std::string> words = command.argv;
    std::vector<char*> argv;
    for (std::string& word : words) {
      argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    if (::chdir(command.directory.value().c_str()) == 0) {
      ::execv(argv[0], argv.data());
    }
    ::_exit(127);
  }

  files::TemporaryDirectory folder_;
  pid_t pid_ = -1;
  bool ended_ = false;
};

}  // namespace crossover::test
