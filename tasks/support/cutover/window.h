#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "sync/database.h"

namespace crossover::cutover {

/// A Database whose open sessions can all be cancelled: the engine works on sessions of its own,
/// and the pause budget must be able to end what they are waiting for. Thread-safe.
class CancellableDatabase final : public sync::Database {
 public:
  explicit CancellableDatabase(const sync::Database& inner) : inner_(inner) {}
  postgres::Session open(std::string_view purpose) const override;
  std::string describe() const override { return inner_.describe(); }
  /// Cancels what every session that was opened here is running now. Does not wait until the
  /// servers have been reached.
  void cancel() const;
  /// Ends the connections of all of them, from our side.
  void cut_off() const;

 private:
  struct Line {
    postgres::Canceller canceller;
    std::shared_ptr<std::atomic<bool>> asking;  ///< a request to cancel is on its way
  };
  const sync::Database& inner_;
  mutable std::mutex mutex_;
  mutable std::vector<Line> lines_;
};

/// While it lives, the databases' statements are cancelled once `deadline` has passed, again and
/// again, since a statement may follow the one that was cancelled. Where that does not help either,
/// or as soon as `lost` says that others may decide in our stead, the connections are ended: who
/// waits for an answer over a dead network must not go on waiting. `lost` is called from a thread.
class Watchdog {
 public:
  Watchdog(const CancellableDatabase& first, const CancellableDatabase& second,
           const Deadline& deadline, std::function<bool()> lost);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch() noexcept;
  const CancellableDatabase& first_;
  const CancellableDatabase& second_;
  Deadline deadline_;
  std::function<bool()> lost_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace crossover::cutover
