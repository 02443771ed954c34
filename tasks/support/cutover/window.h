#pragma once

#include <condition_variable>
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
  /// Cancels what every session that was opened here is running now.
  void cancel() const;

 private:
  const sync::Database& inner_;
  mutable std::mutex mutex_;
  mutable std::vector<postgres::Canceller> cancellers_;
};

/// While it lives, the databases' statements are cancelled once `deadline` has passed, again and
/// again, since a statement may follow the one that was cancelled.
class Watchdog {
 public:
  Watchdog(const CancellableDatabase& first, const CancellableDatabase& second,
           const Deadline& deadline);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch() noexcept;
  const CancellableDatabase& first_;
  const CancellableDatabase& second_;
  Deadline deadline_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace crossover::cutover
