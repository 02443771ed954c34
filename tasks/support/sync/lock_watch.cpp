#include "sync/lock_watch.h"

#include <fmt/format.h>

#include "base/error.h"

namespace crossover::sync {
namespace {

// Short beside what people notice; a look costs a fraction of a millisecond.
constexpr std::chrono::milliseconds between_looks{100};

constexpr std::string_view waiter_sql = R"(
  SELECT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'unknown'),
         coalesce(a.usename, 'unknown'), coalesce(host(a.client_addr), 'local')
  FROM pg_locks w JOIN pg_stat_activity a ON a.pid = w.pid
  WHERE NOT w.granted AND $1::int = ANY (pg_blocking_pids(w.pid)) LIMIT 1)";

}  // namespace

LockWatch::LockWatch(const std::vector<Reader>& readers) {
  for (const Reader& reader : readers) {
    watched_.push_back({reader.database.open("watch"), std::to_string(reader.session.backend_pid()),
                        reader.session.canceller()});
  }
  thread_ = std::thread([this] { run(); });
}

LockWatch::~LockWatch() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

bool LockWatch::somebody_waits() {
  const std::lock_guard lock(mutex_);
  return look();
}

std::string LockWatch::who() const {
  const std::lock_guard lock(mutex_);
  return who_;
}

bool LockWatch::look() {
  for (Watched& watched : watched_) {
    const postgres::Rows rows = watched.session.query(waiter_sql, {watched.pid});
    if (!rows.empty() && who_.empty()) {
      who_ = fmt::format("pid {} ({}, role {}, from {})", rows.text(0, 0), rows.text(0, 1),
                         rows.text(0, 2), rows.text(0, 3));
    }
  }
  return !who_.empty();
}

// A watch that is lost with its connections watches no more; the readers have theirs to lose.
void LockWatch::run() noexcept {
  try {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, between_looks, [this] { return ending_; })) {
      if (look()) {
        for (const Watched& watched : watched_) {
          watched.canceller.cancel();
        }
      }
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
  }
}

}  // namespace crossover::sync
