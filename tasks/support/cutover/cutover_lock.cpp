#include "cutover/cutover_lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "postgres/advisory_lock.h"

namespace crossover::cutover {
namespace {

using postgres::Rows;
using postgres::Session;

// How pg_locks shows an advisory key of 64 bits: its halves, with objsubid 1.
constexpr std::string_view held_where =
    "FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = "
    "pg_catalog.current_database()) "
    "AND (l.classid::bigint << 32) | l.objid::bigint = $1::bigint";

std::string holder(Session& session, std::int64_t key) {
  const Rows rows = session.query(
      fmt::format("SELECT a.application_name, coalesce(host(a.client_addr), 'a local socket') "
                  "FROM pg_catalog.pg_stat_activity a WHERE a.pid IN (SELECT l.pid {}) LIMIT 1",
                  held_where),
      {std::to_string(key)});
  return rows.empty() ? "somebody" : fmt::format("'{}' at {}", rows.text(0, 0), rows.text(0, 1));
}

}  // namespace

std::int64_t cutover_lock_key(const std::string& migration) {
  return postgres::advisory_key(migration, "cutover");
}

std::optional<Duration> task_silence(Session& session, const std::string& migration) {
  // A beat is a statement, so it changes its session's state. Where that may not be seen the
  // holder counts as awake.
  const Rows rows =
      session.query(fmt::format("SELECT l.pid, coalesce((SELECT (1000 * extract(epoch FROM "
                                "pg_catalog.clock_timestamp() - a.state_change))::bigint "
                                "FROM pg_catalog.pg_stat_activity a WHERE a.pid = l.pid), 0) "
                                "{} AND l.mode = 'ExclusiveLock'",
                                held_where),
                    {std::to_string(cutover_lock_key(migration))});
  if (rows.empty()) {
    return std::nullopt;
  }
  return std::max<Duration>(std::chrono::milliseconds(rows.int64(0, 1)), Duration{});
}

class CutoverLock::Keeper {
 public:
  Keeper(const sync::Database& database, const std::string& migration, LockMode mode,
         const Deadline& patience, const Clock& clock, const LockTiming& timing)
      : clock_(clock),
        timing_(timing),
        session_(database.open("cutover lock")),
        canceller_(session_.canceller()) {
    const std::int64_t key = cutover_lock_key(migration);
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(timing.idle_limit);
    session_.batch(
        fmt::format("SET idle_in_transaction_session_timeout = {}; SET lock_timeout = 0; BEGIN",
                    limit.count()));
    const std::string attempt = fmt::format("SELECT pg_try_advisory_xact_lock{}({})",
                                            mode == LockMode::guard ? "_shared" : "", key);
    while (!session_.query(attempt).boolean(0, 0)) {
      if (patience.passed()) {
        const std::string by = holder(session_, key);
        throw Error(ErrorKind::locked,
                    fmt::format("unable to lock the cutover of '{}' in '{}': held by {}", migration,
                                database.describe(), by),
                    "wait for it to end, then run this step again: `route-switch status`");
      }
      clock.sleep(std::chrono::milliseconds(20));
    }
    last_.store(clock.now());
    thread_ = std::thread([this] { beat(); });
  }

  ~Keeper() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    if (!fresh()) {
      canceller_.cut_off();  // its beat may wait for an answer that never comes
    }
    thread_.join();
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  bool fresh() const { return !lost_ && clock_.now() - last_.load() < timing_.stale; }

  Duration longest_silence() const {
    return std::max<Duration>(silence_.load(), clock_.now() - last_.load());
  }

 private:
  // Nothing may leave the thread: a beat that fails is the loss of the lock.
  void beat() noexcept {
    try {
      std::unique_lock lock(mutex_);
      while (!wake_.wait_for(lock, timing_.beat, [this] { return ending_; })) {
        lock.unlock();
        // The time before the question, since the server's clock starts no earlier than that.
        const Clock::Monotonic asked = clock_.now();
        session_.batch("SELECT 1");
        silence_.store(std::max<Duration>(silence_.load(), asked - last_.load()));
        last_.store(asked);
        lock.lock();
      }
    } catch (const std::exception&) {
      lost_ = true;
    }
  }

  const Clock& clock_;
  LockTiming timing_;
  Session session_;
  postgres::Canceller canceller_;
  std::atomic<Clock::Monotonic> last_{};
  std::atomic<Duration> silence_{};
  std::atomic<bool> lost_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

CutoverLock::CutoverLock(const std::vector<const sync::Database*>& databases,
                         const std::string& migration, LockMode mode, Duration patience,
                         const Clock& clock, LockTiming timing) {
  const Deadline deadline(clock, patience);
  for (const sync::Database* database : databases) {
    keepers_.push_back(
        std::make_unique<Keeper>(*database, migration, mode, deadline, clock, timing));
  }
}

CutoverLock::~CutoverLock() = default;

bool CutoverLock::fresh() const {
  for (const auto& keeper : keepers_) {
    if (!keeper->fresh()) {
      return false;
    }
  }
  return true;
}

Duration CutoverLock::longest_silence() const {
  Duration longest{};
  for (const auto& keeper : keepers_) {
    longest = std::max(longest, keeper->longest_silence());
  }
  return longest;
}

void CutoverLock::throw_if_stale() const {
  if (!fresh()) {
    throw Error(ErrorKind::locked, "unable to go on: the lock of the cutover is lost",
                "this process was stopped or cut off for too long; the guards have put the service "
                "where it belongs, see `route-switch status`");
  }
}

}  // namespace crossover::cutover
