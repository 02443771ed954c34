#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// How triggers are put on and taken off tables that an application is using.
struct LockBudget {
  Duration lock_timeout = std::chrono::milliseconds(
      400);  ///< of one attempt; the application queues behind it at most this long
  Duration total = std::chrono::seconds(60);  ///< of all attempts for one table
};

/// What the installation needs from its surroundings. Borrowed.
struct InstallContext {
  const Clock& clock;
  const StopRequest& stop;
  Log& log;
  LockBudget budget;
};

/// Puts capture (log, functions, ENABLE ALWAYS triggers) on every table of one database: one table
/// per transaction, its triggers under one lock, with retries inside the budget. Idempotent: where
/// it stands whole nothing is changed. Returns how many tables were changed. Throws Error{timeout}
/// that names the blockers when a lock is not to be had.
///
/// From when it is whole until anything of it goes, crossover.migration has a name for it that no
/// other has: a drain that finds another one than the last knows that writes were missed between.
int install_capture(postgres::Session& session, const std::vector<SyncedTable>& tables,
                    const Secret& apply_token, const InstallContext& context);

/// Puts the gate on every table. A gate that stands is left as it is, open or closed.
int install_gate(postgres::Session& session, const std::vector<SyncedTable>& tables,
                 const Secret& apply_token, bool closed, const InstallContext& context);

/// Whether capture stands on every table, without having been off since it was installed.
bool capture_stands(postgres::Session& session, const std::vector<SyncedTable>& tables);

/// Takes off capture's name, so that nobody drains any more, and makes its functions no-ops. Locks
/// no table; on a full disk the functions stay as they are.
void disarm_capture(postgres::Session& session, const std::vector<SyncedTable>& tables, Log& log);

/// Takes capture off: first its name, so that nobody drains any more, then the functions become
/// no-ops, then triggers go table by table, then functions and logs. Stop points:
/// capture-disarmed, capture-removed.
int remove_capture(postgres::Session& session, const std::vector<SyncedTable>& tables,
                   const InstallContext& context);

/// Takes the gate off. Opens the database for writing where it was closed.
int remove_gate(postgres::Session& session, const std::vector<SyncedTable>& tables,
                const InstallContext& context);

/// Drops schema crossover piece by piece, never by CASCADE: something that is not ours in it is an
/// Error{precondition}, and somebody who reads it for longer than `patience` Error{timeout}.
/// Nothing when it is not there. Returns whether it was.
bool drop_state(postgres::Session& session, Duration patience = std::chrono::seconds(60));

/// Bytes that the logs of all tables take.
std::int64_t log_bytes(postgres::Session& session, const std::vector<SyncedTable>& tables);

}  // namespace crossover::sync
