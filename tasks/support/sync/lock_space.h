#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/finding.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// How many locks a server has room for, and how many a migration takes at one moment. PostgreSQL
/// keeps the locks of all sessions in one table of fixed size (manual 20.12,
/// max_locks_per_transaction); when that is full, whoever wants one more fails with 53200, the
/// application too.
struct LockSpace {
  std::int64_t per_transaction = 0;  ///< max_locks_per_transaction
  std::int64_t transactions = 0;     ///< max_connections + max_prepared_transactions
  std::int64_t tables = 0;
  std::int64_t relations = 0;  ///< tables and partitions
  std::int64_t indexes = 0;    ///< of these
  std::int64_t toasted = 0;    ///< relations that have a TOAST table, which has an index
  std::int64_t sequences = 0;  ///< in their schemas

  std::int64_t room() const { return per_transaction * transactions; }
  /// What a switch takes: the gate's lock on each relation, one on each sequence that may be moved,
  /// what looking at the logs takes, and the indexes of what is planned ahead (change_reader.h).
  std::int64_t switching() const;
  /// What a drain takes when every table has changed, in a switch.
  std::int64_t all_changed() const;
  /// What TRUNCATE takes that empties all of them in one statement.
  std::int64_t truncating() const { return relations + indexes + 2 * toasted; }
  /// The least max_locks_per_transaction with which `locks` are no more than three quarters of the
  /// room. The rest is the service's.
  std::int64_t setting_for(std::int64_t locks) const;
};

/// Of the database that the session is connected to.
LockSpace read_lock_space(postgres::Session& session, const std::vector<SyncedTable>& tables);

/// Error where a switch has no room, warning where little would be left for the service, or where
/// there were none if every table had changed. Pure.
Findings check_lock_space(const LockSpace& space, std::string_view side);

}  // namespace crossover::sync
