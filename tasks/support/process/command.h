#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/stop.h"

namespace crossover::process {

/// A program to run, by argument vector; no shell ever sees it.
struct Command {
  std::vector<std::string> argv = {};  ///< argv[0] is looked up in PATH unless it holds a slash
  /// Added to (and winning over) this process's environment.
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::vector<std::pair<std::string, Secret>> secret_environment = {};
  /// Puts "[redacted]" where the child writes a value of `secret_environment`: for programs that
  /// may repeat what they were given (a wrapper script, a debug mode).
  bool redact_output = false;
  std::vector<std::string> unset_environment = {};  ///< names that the child must not see
  std::optional<std::filesystem::path> directory = {};
  Secret input = {};  ///< what the child reads from its stdin; empty: /dev/null
  /// Bytes kept of stdout and of stderr each; what comes after is read and dropped.
  std::size_t output_limit = std::size_t{8} << 20U;
  /// Called for each line (without its end) as it comes, on the calling thread. Lines longer than
  /// 64 KiB come in pieces. An exception from it kills the child and passes on.
  std::function<void(std::string_view)> on_stdout_line = {};
  std::function<void(std::string_view)> on_stderr_line = {};
  Duration timeout = Duration::zero();        ///< zero: none
  const StopRequest* stop = nullptr;          ///< when requested, the child gets SIGTERM
  Duration grace = std::chrono::seconds(10);  ///< between SIGTERM and SIGKILL
  std::vector<int> keep_open = {};  ///< descriptors (of files::MemoryFile) that the child inherits
};

/// How a program ended.
struct Outcome {
  int exit_code = 0;  ///< when `signal` is 0
  int signal = 0;     ///< the signal that killed it, or 0
  std::string out;
  std::string err;
  bool truncated = false;  ///< one of the two was longer than `output_limit`
  bool ok() const { return exit_code == 0 && signal == 0; }
  /// "exit code 3" or "killed by signal 9 (Killed)".
  std::string ending() const;
};

/// Runs a program to its end in a process group of its own, which is killed when the calling
/// thread dies. Thread-safe. Throws Error{failure} `unable to run 'NAME': No such file or
/// directory` when it cannot be started, Error{timeout} `unable to run 'NAME': no end after 30 s`,
/// Error{cancelled} when `stop` was requested. An exit code other than 0 is no error here.
Outcome run(const Command& command);

/// As `run`, but an ending other than exit code 0 is Error{failure}
/// `unable to run 'NAME': exit code 1: LAST LINES OF STDERR`.
Outcome run_checked(const Command& command);

}  // namespace crossover::process
