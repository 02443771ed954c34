#pragma once

#include <string>
#include <vector>

#include "config/sync.h"
#include "postgres/session.h"
#include "sync/finding.h"

namespace crossover::sync {

/// Somebody who is connected to a database, several sessions of one kind together.
struct DatabaseClient {
  std::string address;
  std::string application;
  std::string role;
  int sessions = 0;
  int in_transaction = 0;
  int advisory_locks = 0;  ///< session or transaction locks held now
  bool listens = false;    ///< its last statement was LISTEN
};

/// All client sessions of the session's database but Crossover's own.
std::vector<DatabaseClient> read_clients(postgres::Session& session);

/// What no catalogue can say, as questions that `answers` has not answered: LISTEN, session
/// advisory locks, temporary tables and workers, none of which survive transaction pooling or two
/// live APIs. Pure.
Findings open_questions(const config::Answers& answers, const std::vector<DatabaseClient>& clients);

}  // namespace crossover::sync
