#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/sync.h"
#include "postgres/session.h"
#include "sync/finding.h"

namespace crossover::sync {

/// Somebody who is connected to a database, several sessions of one kind together. No version of
/// PostgreSQL keeps what a session has done: what is false here was not seen, which is not never.
struct DatabaseClient {
  std::string address;
  std::string application;
  std::string role;
  int sessions = 0;
  int in_transaction = 0;
  int advisory_locks = 0;          ///< held when looked at
  int session_advisory_locks = 0;  ///< of them: held outside of a transaction, so across several
  int temporary_tables = 0;  ///< there when looked at, as far as the server says whose they are
  /// It held the lock of a write on a table, or its last statement was one.
  bool writes = false;
  bool reads = false;    ///< the same
  bool listens = false;  ///< its last statement was LISTEN
  bool hidden = false;   ///< our role may not see its statements
};

/// The clients of a database, as seen in one or several looks.
struct ClientsSeen {
  std::vector<DatabaseClient> clients;
  /// Temporary tables whose session is not known. Before PostgreSQL 16 one is only known while it
  /// holds a lock; tables that a server's crash has left belong to none.
  int other_temporary_tables = 0;
  /// Functions that NOTIFY, for whoever listens: at most three names.
  std::vector<std::string> notifying_functions;
  /// Rows that were written in the database meanwhile, by whomever, as far as its statistics have
  /// come; they lag by about a second.
  std::int64_t rows_written = 0;
};

/// Looks at all client sessions of the session's database but Crossover's own, again and again for
/// as long as `window`, at least once. Each look reads pg_stat_activity and pg_locks, whose locks
/// it holds up for some microseconds.
ClientsSeen watch_clients(postgres::Session& session, const Clock& clock, Duration window);

/// One look.
ClientsSeen read_clients(postgres::Session& session);

/// What no catalogue can say, as questions that `answers` has not answered: LISTEN, session
/// advisory locks, temporary tables and workers, none of which survive transaction pooling or two
/// live APIs. Pure.
Findings open_questions(const config::Answers& answers, const ClientsSeen& seen);

}  // namespace crossover::sync
