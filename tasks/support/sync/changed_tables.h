#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/session.h"
#include "sync/position.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The logs' statements must use the logs' index whatever the planner believes of a log without
/// statistics: a drain's cost follows the number of changes. Then the plan is the same for every
/// snapshot, so it is made once.
inline constexpr std::string_view plan_by_log_index =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET plan_cache_mode = force_generic_plan";

/// A statement over all logs at once grows faster than their number, so it takes some at a time. In
/// a transaction of their own these are few locks, too: two for each log.
inline constexpr std::size_t logs_in_a_statement = 100;

/// Which tables have anything new in their logs. Who looks at a log locks it, and its index, until
/// the transaction ends, and the server has room for so many locks only (lock_space.h). So with
/// more than most_logs_in_a_transaction tables it is another session that looks, some logs at a
/// time and each time in a transaction of its own. After a snapshot was taken it sees all that the
/// snapshot shows, since nobody deletes what is not drained; a table of which it sees more has
/// nothing to be read there. After a failover it may have reached another server than the session,
/// one that nobody writes to any more: it says each time which one it is. Not thread-safe.
class ChangedTables {
 public:
  static constexpr std::size_t most_logs_in_a_transaction = 500;

  /// All are borrowed; `session` and `beside` are two sessions of one database.
  ChangedTables(postgres::Session& session, postgres::Session& beside,
                const std::vector<SyncedTable>& tables);
  ChangedTables(const ChangedTables&) = delete;
  ChangedTables& operator=(const ChangedTables&) = delete;

  bool looks_beside() const { return tables_.size() > most_logs_in_a_transaction; }
  /// What to send in the session, to pass the answers to `named`. None where it looks beside.
  std::vector<postgres::Statement> statements(const std::string& snapshot) const;
  /// The tables that have anything logged since. `now` is what the session's server has said of
  /// itself. Throws Error{failure} with connection_lost (postgres/sqlstate.h) when the session
  /// beside is of another: both are to be opened anew.
  std::vector<const SyncedTable*> named(const std::vector<postgres::Rows>& answers,
                                        const std::string& snapshot, const SourceState& now);
  /// The same by round trips for nothing else.
  std::vector<const SyncedTable*> since(const std::string& snapshot);

 private:
  std::vector<postgres::Statement> all_statements(const std::string& snapshot) const;
  std::vector<postgres::Rows> ask_beside(const std::string& snapshot, const SourceState& now);

  const std::vector<SyncedTable>& tables_;
  postgres::Session& session_;
  postgres::Session& beside_;
  std::vector<std::string> names_;
};

}  // namespace crossover::sync
