#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "cli/screen.h"

namespace crossover::cli {

/// What is known about a piece of work.
struct ProgressState {
  std::string what;
  std::string unit;
  std::uint64_t total = 0;  ///< 0: unknown
  std::uint64_t done = 0;
  Duration elapsed = Duration::zero();
};

/// "copy public.profile: 120,000 of 200,000 rows, 60 %, 24,000 rows/s, 3 s left". Bytes are shown
/// in MiB.
std::string progress_line(const ProgressState& state);

/// The same behind a bar of `width` columns.
std::string progress_bar(const ProgressState& state, std::size_t width);

/// Progress on a screen: a bar that is redrawn ten times a second on a terminal, a line every five
/// seconds elsewhere, nothing for work that is over before that. Thread-safe.
class ScreenProgress final : public Progress {
 public:
  ScreenProgress(Screen& screen, Log& log, const Clock& clock)
      : screen_(screen), log_(log), clock_(clock) {}
  void start(std::string_view what, std::uint64_t total, std::string_view unit) override;
  void add(std::uint64_t amount) override;
  void finish() override;

 private:
  Screen& screen_;
  Log& log_;
  const Clock& clock_;
  std::mutex mutex_;
  ProgressState state_;
  Clock::Monotonic began_;
  Clock::Monotonic shown_;
};

}  // namespace crossover::cli
