#pragma once

#include <atomic>

namespace crossover {

/// Whether the process has been asked to end (SIGTERM, SIGINT). Long work looks at it at its safe
/// points. Set from a signal handler, read from any thread.
class StopRequest {
 public:
  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
  bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }
  /// Throws Error{cancelled, "stopped on request"} when the process has been asked to end.
  void throw_if_requested() const;

 private:
  std::atomic<bool> requested_{false};
};

}  // namespace crossover
