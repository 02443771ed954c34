#pragma once

#include <atomic>
#include <functional>

namespace crossover {

/// Whether a worker of a team has failed, so that the others may give up. Thread-safe.
class GivenUp {
 public:
  void set() noexcept { set_.store(true, std::memory_order_relaxed); }
  explicit operator bool() const noexcept { return set_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> set_{false};
};

/// Runs `work` in `workers` threads at once, of which the caller's is one, and returns when all
/// have ended. Its parameters are the worker's number, from 0, and what is true from the first
/// failure of another on; long work looks at it at its safe points and returns.
///
/// Throws in the caller's thread the failure that came first. A thread that can't be started is
/// such a failure.
void run_parallel(unsigned workers,
                  const std::function<void(unsigned worker, const GivenUp& given_up)>& work);

}  // namespace crossover
