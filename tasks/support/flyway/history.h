#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/provision.h"
#include "postgres/session.h"

namespace crossover::flyway {

/// A row of Flyway's history table (Flyway's reference, "Schema history table").
struct Migration {
  int rank = 0;         ///< installed_rank
  std::string version;  ///< empty for a repeatable migration
  std::string description;
  std::string type;  ///< SQL, JDBC, BASELINE, ...
  std::string script;
  std::string checksum;  ///< empty where Flyway keeps none
  bool success = false;
};
using History = std::vector<Migration>;

/// The history in the order of its ranks, or nothing when the table is not there. The table's name
/// and schema are the configuration's.
std::optional<History> read_history(postgres::Session& session, const config::Flyway& flyway);

/// The version of the last versioned migration that succeeded, or empty. Pure.
std::string newest_version(const History& history);

/// How many migrations of `after` succeeded and were not in `before`. Pure.
std::size_t applied_since(const std::optional<History>& before, const History& after);

/// What copying a history would do, or did.
struct Adoption {
  bool created = false;          ///< the table was not there
  std::vector<Migration> added;  ///< rows that were missing
};

/// What of `from` is missing in `to`. Throws Error{conflict} when `to` has a migration that `from`
/// has not, or the same rank with another script, version or checksum, and Error{precondition} when
/// `from` has a migration that failed. Pure.
Adoption compare_histories(const History& from, const std::optional<History>& to);

/// Copies the history table of `from` into the database of `to`, which then counts as migrated by
/// Flyway: the table with its owner, primary key and index where it is missing, and the rows that
/// are missing, in one transaction. Idempotent. Throws as `compare_histories`, and
/// Error{precondition} when `from` has no history.
Adoption adopt_history(postgres::Session& from, postgres::Session& to,
                       const config::Flyway& flyway);

}  // namespace crossover::flyway
