#include "data-sync/metrics.h"

#include <fmt/format.h>

namespace crossover::data_sync {
namespace {

// In a label's value these three are written with a backslash (Prometheus, exposition formats).
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      text += '\\';
    }
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text;
}

class Exposition {
 public:
  explicit Exposition(const std::string& labels) : labels_(labels) {}

  template <typename Value>
  void add(std::string_view name, std::string_view type, std::string_view help, Value value) {
    text_ += fmt::format(
        "# HELP crossover_follow_{0} {1}\n# TYPE crossover_follow_{0} {2}\n"
        "crossover_follow_{0}{{{3}}} {4}\n",
        name, help, type, labels_, value);
  }
  std::string text() && { return std::move(text_); }

 private:
  const std::string& labels_;
  std::string text_;
};

}  // namespace

FollowMetrics::FollowMetrics(const std::string& migration, sync::Direction direction)
    : labels_(fmt::format("migration=\"{}\",direction=\"{}\"", escaped(migration),
                          sync::name(direction))) {}

void FollowMetrics::drained(const sync::DrainReport& report, Clock::Wall now) {
  const std::lock_guard lock(mutex_);
  ++drains_;
  keys_ += report.keys;
  rows_ += report.rows;
  last_drain_ = now;
  last_duration_ = report.duration;
}

void FollowMetrics::waited_for_lock() {
  const std::lock_guard lock(mutex_);
  ++lock_waits_;
}

void FollowMetrics::looked(std::uint64_t entries_left, std::int64_t log_bytes) {
  const std::lock_guard lock(mutex_);
  entries_left_ = entries_left;
  log_bytes_ = log_bytes;
}

std::string FollowMetrics::text() const {
  const std::lock_guard lock(mutex_);
  Exposition page(labels_);
  page.add("drains_total", "counter", "Drains committed on the target.", drains_);
  page.add("keys_total", "counter", "Changed keys carried to the target.", keys_);
  page.add("rows_total", "counter", "Rows written to the target.", rows_);
  page.add("lock_waits_total", "counter",
           "Drains that gave way to the application's lock on a table.", lock_waits_);
  if (last_drain_) {
    page.add("last_drain_timestamp_seconds", "gauge",
             "When the last drain was committed, in Unix time.",
             fmt::format("{:.3f}", seconds(last_drain_->time_since_epoch())));
    page.add("last_drain_duration_seconds", "gauge", "How long the last drain took.",
             fmt::format("{:.6f}", seconds(last_duration_)));
  }
  if (entries_left_) {
    page.add("lag_entries", "gauge", "Entries of the source's capture log not carried yet.",
             *entries_left_);
    page.add("log_bytes", "gauge", "Size of the source's capture logs (limit: sync.logLimit).",
             log_bytes_);
  }
  return std::move(page).text();
}

}  // namespace crossover::data_sync
