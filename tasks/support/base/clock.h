#pragma once

#include <chrono>
#include <string>

namespace crossover {

using Duration = std::chrono::nanoseconds;

/// Time as the tasks see it; tests put a clock of their own in its place.
/// Implementations are safe to use from several threads.
class Clock {
 public:
  using Monotonic = std::chrono::steady_clock::time_point;
  using Wall = std::chrono::system_clock::time_point;

  virtual ~Clock() = default;
  virtual Monotonic now() const = 0;
  virtual Wall wall() const = 0;
  /// Waits for `duration`.
  virtual void sleep(Duration duration) const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  Monotonic now() const override;
  Wall wall() const override;
  void sleep(Duration duration) const override;
};

/// A point on a clock after which something is too late. Copyable; borrows the clock.
class Deadline {
 public:
  Deadline(const Clock& clock, Duration budget) : clock_(&clock), end_(clock.now() + budget) {}
  bool passed() const { return clock_->now() >= end_; }
  /// What is left, never below zero.
  Duration left() const;

 private:
  const Clock* clock_;
  Clock::Monotonic end_;
};

/// RFC 3339 in UTC with milliseconds, "2026-01-31T23:59:59.123Z".
std::string rfc3339(Clock::Wall time);

/// Seconds as a number, for metrics.
inline double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace crossover
