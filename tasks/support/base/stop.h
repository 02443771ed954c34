#pragma once

#include <atomic>

namespace crossover {

/// Whether the process (SIGTERM, SIGINT), or a part of its work, has been asked to end. Long work
/// looks at it at its safe points. Set from a signal handler, read from any thread.
class StopRequest {
 public:
  StopRequest() = default;
  /// Asked to end when the outer one is, too; borrowed.
  explicit StopRequest(const StopRequest* outer) : outer_(outer) {}
  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
  bool requested() const noexcept {
    return requested_.load(std::memory_order_relaxed) || (outer_ != nullptr && outer_->requested());
  }
  /// Throws Error{cancelled, "stopped on request"} when it has been asked for.
  void throw_if_requested() const;

 private:
  std::atomic<bool> requested_{false};
  const StopRequest* outer_ = nullptr;
};

}  // namespace crossover
