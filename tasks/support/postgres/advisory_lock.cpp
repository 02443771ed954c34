#include "postgres/advisory_lock.h"

#include <chrono>
#include <thread>

#include "base/error.h"
#include "digest/sha256.h"

namespace crossover::postgres {

namespace {

// A run that is over holds its locks until the server has seen its connection close, which comes by
// a port-forward after the process has ended.
constexpr auto closing_time = std::chrono::seconds(2);

Error held(Session& session, std::string_view migration, std::int64_t key) {
  std::string cause = "held by another session";
  if (const auto holder = lock_holder(session, key)) {
    cause = "held by '" + holder->application_name + "'";
    if (!holder->address.empty()) cause += " at " + holder->address;
    if (!holder->since.empty()) cause += " since " + holder->since;
  }
  return {ErrorKind::locked,
          "unable to lock migration '" + std::string(migration) + "' in '" + session.name() +
              "': " + cause,
          "wait until the other run has ended, or end it"};
}

}  // namespace

std::int64_t advisory_key(std::string_view migration, std::string_view purpose) {
  std::string text = "crossover/";
  text.append(purpose).append("/").append(migration);
  const digest::Sha256Bytes hash = digest::sha256_bytes(text);
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i) key = (key << 8U) | hash[i];
  return static_cast<std::int64_t>(key);
}

std::optional<LockHolder> lock_holder(Session& session, std::int64_t key) {
  // A 64-bit key stands in pg_locks as its two halves, with objsubid 1.
  const Rows rows = session.query(
      "SELECT l.pid, a.application_name, host(a.client_addr),"
      " to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
      " FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid"
      " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
      " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
      " AND l.classid = (($1::bigint >> 32) & 4294967295)::oid"
      " AND l.objid = ($1::bigint & 4294967295)::oid LIMIT 1",
      {std::to_string(key)});
  if (rows.empty()) return std::nullopt;
  LockHolder holder;
  holder.pid = static_cast<int>(rows.int64(0, 0));
  holder.application_name = rows.text(0, 1);
  holder.address = rows.text(0, 2);
  holder.since = rows.text(0, 3);
  return holder;
}

bool try_lock(Session& session, std::int64_t key) {
  return session.query("SELECT pg_try_advisory_lock($1::bigint)", {std::to_string(key)})
      .boolean(0, 0);
}

void unlock(Session& session, std::int64_t key) {
  session.query("SELECT pg_advisory_unlock($1::bigint)", {std::to_string(key)});
}

void lock(Session& session, std::string_view migration, std::int64_t key) {
  const auto end = std::chrono::steady_clock::now() + closing_time;
  while (!try_lock(session, key)) {
    if (std::chrono::steady_clock::now() >= end) throw held(session, migration, key);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

HeartbeatLock::HeartbeatLock(Session session, std::string_view migration, std::int64_t key,
                             std::chrono::milliseconds patience)
    : session_(std::move(session)),
      patience_(patience),
      last_beat_(std::chrono::steady_clock::now()) {
  // READ COMMITTED without a write holds neither a snapshot nor a transaction id between
  // statements, so vacuum does not care how long this lasts.
  session_.batch("SET idle_in_transaction_session_timeout = " + std::to_string(patience.count()) +
                 "; BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY");
  const bool free =
      session_.query("SELECT pg_try_advisory_xact_lock($1::bigint)", {std::to_string(key)})
          .boolean(0, 0);
  if (!free) throw held(session_, migration, key);
}

void HeartbeatLock::beat() {
  const auto before = std::chrono::steady_clock::now();
  session_.query("SELECT 1");
  last_beat_ = before;
}

bool HeartbeatLock::fresh() const {
  return std::chrono::steady_clock::now() - last_beat_ < patience_ && !session_.broken();
}

void HeartbeatLock::release() {
  if (!session_.broken()) session_.batch("ROLLBACK");
}

}  // namespace crossover::postgres
