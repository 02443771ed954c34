#include "cutover/window.h"

namespace crossover::cutover {

postgres::Session CancellableDatabase::open(std::string_view purpose) const {
  postgres::Session session = inner_.open(purpose);
  const std::lock_guard lock(mutex_);
  cancellers_.push_back(session.canceller());
  return session;
}

void CancellableDatabase::cancel() const {
  const std::lock_guard lock(mutex_);
  for (const postgres::Canceller& canceller : cancellers_) {
    canceller.cancel();
  }
}

Watchdog::Watchdog(const CancellableDatabase& first, const CancellableDatabase& second,
                   const Deadline& deadline)
    : first_(first), second_(second), deadline_(deadline), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watchdog::watch() noexcept {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const Duration left = deadline_.left();
    if (left > Duration{}) {
      wake_.wait_for(lock, left, [this] { return ending_; });
      continue;
    }
    first_.cancel();
    second_.cancel();
    wake_.wait_for(lock, std::chrono::milliseconds(50), [this] { return ending_; });
  }
}

}  // namespace crossover::cutover
