#include "base/retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace crossover {

Duration retry_pause(const RetryPolicy& policy, int attempt, double random) {
  const double grown = static_cast<double>(policy.first_pause.count()) *
                       std::pow(policy.factor, static_cast<double>(attempt - 1));
  const double capped = std::min(grown, static_cast<double>(policy.longest_pause.count()));
  return Duration(static_cast<Duration::rep>(capped * (1.0 - policy.jitter * random)));
}

void retry(const Clock& clock, const StopRequest& stop, const RetryPolicy& policy,
           const std::function<bool(const Error&)>& retriable,
           const std::function<void()>& attempt) {
  const Deadline deadline(clock, policy.budget);
  std::minstd_rand engine(std::random_device{}());
  std::uniform_real_distribution<double> random(0.0, 1.0);
  for (int attempts = 1;; ++attempts) {
    stop.throw_if_requested();
    try {
      attempt();
      return;
    } catch (Error& error) {
      const Duration pause = retry_pause(policy, attempts, random(engine));
      if (!retriable(error)) {
        throw;
      }
      if (deadline.left() <= pause) {
        error.add_context(fmt::format("gave up after {} attempts", attempts));
        throw;
      }
      clock.sleep(pause);
    }
  }
}

bool poll(const Clock& clock, const StopRequest& stop, Duration budget, Duration pause,
          const std::function<bool()>& check) {
  const Deadline deadline(clock, budget);
  while (true) {
    stop.throw_if_requested();
    if (check()) {
      return true;
    }
    if (deadline.passed()) {
      return false;
    }
    clock.sleep(std::min(pause, std::max(deadline.left(), Duration(1))));
  }
}

}  // namespace crossover
