#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "sync/database.h"

namespace crossover::cutover {

/// Who takes the cutover's lock. A task excludes everybody; guards exclude tasks but not one
/// another, since each of them looks after another pooler.
enum class LockMode { task, guard };

/// How quickly a stopped holder loses the lock, and when it must consider itself to have lost it.
/// `stale` is well below `idle_limit`: who finds its heartbeat older than that sends no command.
struct LockTiming {
  Duration beat = std::chrono::milliseconds(100);
  Duration idle_limit = std::chrono::milliseconds(1000);  ///< idle_in_transaction_session_timeout
  Duration stale = std::chrono::milliseconds(600);
};

/// The lock of a switch under way: an advisory transaction lock in each database (PostgreSQL
/// manual, "Advisory Locks"), in a transaction that a thread of its own keeps awake. A killed
/// process loses it with its connections, a stopped one by idle_in_transaction_session_timeout.
/// The transactions hold neither snapshot nor transaction id, so they hinder no vacuum.
class CutoverLock {
 public:
  /// Takes it in all `databases` or throws Error{locked} `unable to lock the cutover of 'NAME' in
  /// 'DATABASE': held by 'APPLICATION' at ADDRESS`. Waits up to `patience` for holders to end.
  CutoverLock(const std::vector<const sync::Database*>& databases, const std::string& migration,
              LockMode mode, Duration patience, const Clock& clock, LockTiming timing = {});
  ~CutoverLock();
  CutoverLock(const CutoverLock&) = delete;
  CutoverLock& operator=(const CutoverLock&) = delete;

  /// Whether the last heartbeat of every database is recent. Thread-safe.
  bool fresh() const;
  /// The longest time between two heartbeats so far, the one that is due now included: how long
  /// this process was stopped or cut off. Thread-safe.
  Duration longest_silence() const;
  /// Throws Error{locked} `unable to go on: the lock of the cutover is lost` when it is not.
  void throw_if_stale() const;

 private:
  class Keeper;
  std::vector<std::unique_ptr<Keeper>> keepers_;
};

/// How long ago the task that holds the cutover's lock in the database that `session` leads to gave
/// its last sign of life there; nullopt: no task holds it. Looks only.
std::optional<Duration> task_silence(postgres::Session& session, const std::string& migration);

/// The advisory key of a migration's cutover.
std::int64_t cutover_lock_key(const std::string& migration);

}  // namespace crossover::cutover
