#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "sync/database.h"
#include "sync/drain.h"

namespace crossover::data_sync {

/// What `data-sync follow` tells a Prometheus server, in its text format 0.0.4. Thread-safe: the
/// follower writes, whoever serves the page reads.
class FollowMetrics {
 public:
  FollowMetrics(const std::string& migration, sync::Direction direction);

  void drained(const sync::DrainReport& report, Clock::Wall now);
  /// A drain gave way to somebody who had locked a table of the source.
  void waited_for_lock();
  /// How many entries of the source's log are not carried, and how large all of it is.
  void looked(std::uint64_t entries_left, std::int64_t log_bytes);

  /// The page. What was not seen yet is left out, so that it can't be taken for 0.
  std::string text() const;
  static constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
  const std::string labels_;
  mutable std::mutex mutex_;
  std::uint64_t drains_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t keys_ = 0;
  std::uint64_t lock_waits_ = 0;
  std::optional<Clock::Wall> last_drain_;
  Duration last_duration_{};
  std::optional<std::uint64_t> entries_left_;
  std::int64_t log_bytes_ = 0;
};

}  // namespace crossover::data_sync
