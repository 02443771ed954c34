#include "cli/screen_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace crossover::cli {
namespace {

constexpr auto redraw = std::chrono::milliseconds(100);
constexpr auto line_every = std::chrono::seconds(5);
constexpr std::size_t bar_width = 20;

/// 1234567 → "1,234,567".
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string amount(double value, const std::string& unit) {
  if (unit == "bytes") {
    return fmt::format("{:.1f} MiB", value / 1048576.0);
  }
  return fmt::format("{} {}", grouped(static_cast<std::uint64_t>(value)), unit);
}

std::string remaining(double seconds_left) {
  const auto left = static_cast<std::uint64_t>(std::llround(seconds_left));
  return left < 120 ? fmt::format("{} s", left) : fmt::format("{} min", (left + 30) / 60);
}

double share(const ProgressState& state) {
  return state.total == 0
             ? 0.0
             : std::min(1.0, static_cast<double>(state.done) / static_cast<double>(state.total));
}

}  // namespace

std::string progress_line(const ProgressState& state) {
  const auto done = static_cast<double>(state.done);
  std::string line = fmt::format("{}: {}", state.what, amount(done, state.unit));
  if (state.total > 0) {
    line = fmt::format(
        "{}: {} of {}, {:.0f} %", state.what,
        state.unit == "bytes" ? fmt::format("{:.1f}", done / 1048576.0) : grouped(state.done),
        amount(static_cast<double>(state.total), state.unit), share(state) * 100);
  }
  const double elapsed = seconds(state.elapsed);
  if (elapsed <= 0 || state.done == 0) {
    return line;
  }
  const double rate = done / elapsed;
  line += fmt::format(", {}/s", amount(rate, state.unit));
  if (state.total > state.done) {
    line +=
        fmt::format(", {} left", remaining(static_cast<double>(state.total - state.done) / rate));
  }
  return line;
}

std::string progress_bar(const ProgressState& state, std::size_t width) {
  if (state.total == 0) {
    return progress_line(state);
  }
  const auto filled = static_cast<std::size_t>(share(state) * static_cast<double>(width));
  return fmt::format("[{}{}] {}", std::string(filled, '#'), std::string(width - filled, ' '),
                     progress_line(state));
}

void ScreenProgress::start(std::string_view what, std::uint64_t total, std::string_view unit) {
  const std::lock_guard lock(mutex_);
  state_ = {std::string(what), std::string(unit), total, 0, Duration::zero()};
  began_ = clock_.now();
  shown_ = began_;
}

void ScreenProgress::add(std::uint64_t amount_done) {
  const std::lock_guard lock(mutex_);
  state_.done += amount_done;
  const auto now = clock_.now();
  const Duration pause = screen_.terminal() ? Duration(redraw) : Duration(line_every);
  if (now - shown_ < pause) {
    return;
  }
  shown_ = now;
  state_.elapsed = std::chrono::duration_cast<Duration>(now - began_);
  if (screen_.terminal()) {
    screen_.set_bottom(progress_bar(state_, bar_width));
  } else {
    log_.info("{}", progress_line(state_));
  }
}

void ScreenProgress::finish() {
  const std::lock_guard lock(mutex_);
  screen_.set_bottom({});
}

}  // namespace crossover::cli
