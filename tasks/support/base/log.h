#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace crossover {

enum class LogLevel { debug, info, warning };

/// Where tasks say what they are doing; on stderr in the programs, captured in tests. Errors are
/// not logged but thrown. Safe to use from several threads.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view text) = 0;

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
  }
};

/// Progress of long work. A bar on a terminal, a line every few seconds elsewhere. Thread-safe.
class Progress {
 public:
  virtual ~Progress() = default;
  /// Starts a piece of work called `what`; `total` in `unit` (0: unknown), for example 200000
  /// "rows".
  virtual void start(std::string_view what, std::uint64_t total, std::string_view unit) = 0;
  /// `amount` more has been done.
  virtual void add(std::uint64_t amount) = 0;
  virtual void finish() = 0;
};

/// For places that have nothing to report to.
class NoLog final : public Log {
 public:
  void write(LogLevel /*level*/, std::string_view /*text*/) override {}
};
class NoProgress final : public Progress {
 public:
  void start(std::string_view /*what*/, std::uint64_t /*total*/,
             std::string_view /*unit*/) override {}
  void add(std::uint64_t /*amount*/) override {}
  void finish() override {}
};

}  // namespace crossover
