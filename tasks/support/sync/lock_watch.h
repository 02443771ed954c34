#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "postgres/session.h"
#include "sync/database.h"

namespace crossover::sync {

/// Keeps an eye on who waits for the locks of sessions that read for long: an ALTER TABLE or
/// TRUNCATE of the application waits for every reader, and everybody else behind it. It has a
/// thread and sessions of its own; its methods are for the thread that made it.
class LockWatch {
 public:
  /// A session that is watched; it must outlive the watch and is used by others meanwhile.
  struct Reader {
    const Database& database;
    const postgres::Session& session;
  };
  /// Throws what opening a session throws.
  explicit LockWatch(const std::vector<Reader>& readers);
  /// Nothing is cancelled any more when this returns.
  ~LockWatch();
  LockWatch(const LockWatch&) = delete;
  LockWatch& operator=(const LockWatch&) = delete;

  /// Whether somebody waits or has waited for one of the readers. As soon as somebody does, what
  /// the readers run is cancelled (57014), again and again until this object ends; their
  /// transactions are the caller's to end. Looks itself. Throws what looking throws.
  bool somebody_waits();
  /// Who that was: "pid 7 (psql, role admin, from 10.0.0.1)"; empty while nobody has waited.
  std::string who() const;

 private:
  struct Watched {
    postgres::Session session;
    std::string pid;
    postgres::Canceller canceller;
  };
  bool look();
  void run() noexcept;

  std::vector<Watched> watched_;
  mutable std::mutex mutex_;  // for what follows, and the sessions
  std::condition_variable ended_;
  bool ending_ = false;
  std::string who_;
  std::thread thread_;
};

}  // namespace crossover::sync
