#pragma once

#include <cstdint>
#include <string>

#include "postgres/session.h"

namespace crossover::postgres {

/// Which cluster and database a session talks to. Two sessions are on the same cluster when
/// `system_identifier` is equal, and on the same history of it when `timeline` is too.
struct ServerIdentity {
  std::string system_identifier;  ///< decimal, given by initdb
  std::uint32_t timeline = 0;     ///< grows by each failover
  int version = 0;                ///< for example 170005
  std::string database;
  std::string encoding;  ///< "UTF8"
  std::string collation;
  std::string character_type;

  bool operator==(const ServerIdentity& other) const = default;
};

/// Asks the server. The timeline comes from the current WAL position (PostgreSQL manual, "Backup
/// Control Functions"), since the control file's lags behind a promotion. Throws Error on a
/// standby.
ServerIdentity server_identity(Session& session);

}  // namespace crossover::postgres
