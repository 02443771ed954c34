#include "cutover/window.h"

#include <algorithm>
#include <system_error>

namespace crossover::cutover {

postgres::Session CancellableDatabase::open(std::string_view purpose) const {
  postgres::Session session = inner_.open(purpose);
  const std::lock_guard lock(mutex_);
  lines_.push_back({session.canceller(), std::make_shared<std::atomic<bool>>(false)});
  return session;
}

void CancellableDatabase::cancel() const {
  const std::lock_guard lock(mutex_);
  for (const Line& line : lines_) {
    if (line.asking->exchange(true)) {
      continue;
    }
    // libpq waits for the server's answer to it without a limit.
    try {
      std::thread([line] {
        line.canceller.cancel();
        *line.asking = false;
      }).detach();
    } catch (const std::system_error&) {
      *line.asking = false;  // no thread to be had now
    }
  }
}

void CancellableDatabase::cut_off() const {
  const std::lock_guard lock(mutex_);
  for (const Line& line : lines_) {
    line.canceller.cut_off();
  }
}

Watchdog::Watchdog(const CancellableDatabase& first, const CancellableDatabase& second,
                   const Deadline& deadline, std::function<bool()> lost)
    : first_(first), second_(second), deadline_(deadline), lost_(std::move(lost)), thread_([this] {
        watch();
      }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watchdog::watch() noexcept {
  constexpr int cancels = 10;  // before they count as unheard
  std::unique_lock lock(mutex_);
  for (int asked = 0; !ending_;) {
    if (lost_() || asked > cancels) {
      first_.cut_off();
      second_.cut_off();
    } else if (deadline_.passed()) {
      ++asked;
      first_.cancel();
      second_.cancel();
    }
    const Duration left = deadline_.left();
    const Duration look = std::chrono::milliseconds(50);
    wake_.wait_for(lock, left > Duration{} ? std::min(left, look) : look,
                   [this] { return ending_; });
  }
}

}  // namespace crossover::cutover
