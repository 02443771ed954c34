#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <mutex>

#include "cli/screen_log.h"

namespace crossover::cli {
namespace {

/// Hands formatted lines to the screen, which knows whether a progress bar must make room.
class ScreenSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ScreenSink(Screen& screen, bool colour) : screen_(screen), colour_(colour) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string text(line.data(), line.size());
    if (colour_ && message.level == spdlog::level::warn) {
      text.insert(0, "\x1b[33m");
      text.insert(text.size() - 1, "\x1b[0m");
    } else if (colour_ && message.level == spdlog::level::debug) {
      text.insert(0, "\x1b[2m");
      text.insert(text.size() - 1, "\x1b[0m");
    }
    screen_.print(text);
  }
  void flush_() override {}

  Screen& screen_;
  bool colour_;
};

class SpdlogLog final : public Log {
 public:
  SpdlogLog(Screen& screen, const std::string& level, bool colour)
      : logger_("crossover", std::make_shared<ScreenSink>(screen, colour)) {
    const char* pattern = screen.terminal() ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc, "\n"));
    logger_.set_level(spdlog::level::from_str(level));
  }

  void write(LogLevel level, std::string_view text) override {
    logger_.log(translate(level), spdlog::string_view_t(text.data(), text.size()));
  }

 private:
  static spdlog::level::level_enum translate(LogLevel level) {
    switch (level) {
      case LogLevel::debug:
        return spdlog::level::debug;
      case LogLevel::info:
        return spdlog::level::info;
      case LogLevel::warning:
        break;
    }
    return spdlog::level::warn;
  }
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> make_log(Screen& screen, const std::string& level, bool colour) {
  return std::make_unique<SpdlogLog>(screen, level, colour);
}

}  // namespace crossover::cli
