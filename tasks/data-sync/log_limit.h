#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// Holds the capture log of the live side to sync.logLimit: above it capture goes and the phase
/// fails, never the service. Returns the log's size. Throws Error{failure} "unable to `doing` the
/// `side` database: ..." when it was over, with capture taken off.
std::int64_t require_log_below_limit(const Run& run, sync::Direction direction,
                                     std::string_view doing);

/// The same while something goes on for long in which nothing is drained. It has a thread and a
/// session of its own, so it holds even where that something stands still. Over the limit it makes
/// capture's functions do nothing, so that the log grows no more, and asks for the end; triggers
/// and log stay for `require_log_below_limit`, since that waits for readers of the tables, which
/// what goes on may be.
class LogWatch {
 public:
  LogWatch(const Run& run, sync::Direction direction);
  ~LogWatch() { end(); }
  LogWatch(const LogWatch&) = delete;
  LogWatch& operator=(const LogWatch&) = delete;

  /// What goes on has to look at this; it is the run's, too.
  const StopRequest& stop() const { return stop_; }
  /// Looks no more when this returns, and the destructor, before which nobody else may take capture
  /// off.
  void end();

 private:
  void run() noexcept;
  bool look();

  const sync::Database& source_;
  Log& log_;
  std::int64_t limit_;
  StopRequest stop_;
  std::optional<postgres::Session> session_;
  std::vector<sync::SyncedTable> tables_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace crossover::data_sync
