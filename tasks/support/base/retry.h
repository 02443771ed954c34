#pragma once

#include <functional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"

namespace crossover {

/// How often and how long something is tried again.
struct RetryPolicy {
  Duration budget;  ///< no attempt starts after this
  Duration first_pause = std::chrono::milliseconds(50);
  Duration longest_pause = std::chrono::seconds(2);
  double factor = 2.0;
  double jitter =
      0.5;  ///< each pause is shortened by up to this share, so that rivals fall out of step
};

/// The pause before attempt `attempt` (1: after the first failure). `random` is in [0, 1).
Duration retry_pause(const RetryPolicy& policy, int attempt, double random);

/// Runs `attempt` until it returns, `retriable` says no, the budget is used up or `stop` is
/// requested; then the last error leaves with the number of attempts in its message.
void retry(const Clock& clock, const StopRequest& stop, const RetryPolicy& policy,
           const std::function<bool(const Error&)>& retriable,
           const std::function<void()>& attempt);

/// Calls `check` until it returns true or `budget` is over; returns whether it did. For waiting on
/// a state that nobody announces.
bool poll(const Clock& clock, const StopRequest& stop, Duration budget, Duration pause,
          const std::function<bool()>& check);

}  // namespace crossover
