#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "postgres/session.h"

/// Advisory locks of a migration (PostgreSQL manual, "Advisory Locks"). They show that a run is
/// alive: the server lets go of them when its session ends, however it ends. They are no fence;
/// that is the owner token.
namespace crossover::postgres {

/// The 64-bit key of a migration's lock: from the SHA-256 of its name and of what it is for, so
/// that it hits no key that an application has chosen, and is the same in both databases.
std::int64_t advisory_key(std::string_view migration, std::string_view purpose = "run");

struct LockHolder {
  int pid = 0;
  std::string application_name;
  std::string address;  ///< empty for a local socket, or where the role may not see it
  std::string since;    ///< start of its session, RFC 3339
};

/// Who holds `key` in the session's database; nullopt: nobody.
std::optional<LockHolder> lock_holder(Session& session, std::int64_t key);

/// Takes the lock for the session's life; returns whether it was free (or already this session's:
/// then it must be released as many times).
bool try_lock(Session& session, std::int64_t key);
void unlock(Session& session, std::int64_t key);

/// `try_lock`, for up to two seconds, since a run that is over holds its locks until the server has
/// seen its connection close; then Error{locked} `unable to lock migration 'NAME' in
/// 'HOST:PORT/DB': held by 'APP' at ADDRESS since TIME`.
void lock(Session& session, std::string_view migration, std::int64_t key);

/// A lock that is lost when its holder stops beating: it is held by a transaction whose server ends
/// it after `patience` without a statement (idle_in_transaction_session_timeout). So neither a
/// stopped process nor a dead network keeps it. The session is the lock's alone.
class HeartbeatLock {
 public:
  /// Throws Error{locked} as `lock` does.
  HeartbeatLock(Session session, std::string_view migration, std::int64_t key,
                std::chrono::milliseconds patience);
  /// Says that we are alive: to be called a few times per `patience`. Throws Error when the lock is
  /// lost; it does not come back by itself.
  void beat();
  /// Whether the last beat is less than `patience` ago, by this machine's clock, counted from
  /// before it was sent: while this is true nobody else can have got the lock.
  bool fresh() const;
  void release();

 private:
  Session session_;
  std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point last_beat_;
};

}  // namespace crossover::postgres
