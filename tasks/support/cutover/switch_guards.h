#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "cutover/fleet.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::cutover {

/// What would make the pause long or the close fail, looked at right before it. Throws
/// Error{precondition} `unable to switch: <what>, by whom, since when` with a hint.
///
/// Transactions older than `longest` that may write, prepared transactions, and a vacuum of a
/// synced table that `close_gate` can't push aside: with `deadlock_timeout` low an autovacuum
/// yields (PostgreSQL manual, "The Autovacuum Daemon"), an anti-wraparound one never does.
void require_quiet_source(postgres::Session& source, const std::vector<sync::SyncedTable>& tables,
                          Duration longest, bool autovacuum_yields);

/// Refuses a switch in either direction once the new database has been given up: rows that were
/// written after the old one took over again would be overwritten.
void require_kept(postgres::Session& source, postgres::Session& target);

/// Throws Error{locked} when one of the poolers that run is not in the fleet.
void require_whole(const Fleet& fleet, const std::vector<std::string>& running);

/// Refuses unless the source's gate is open and that of `to` closed.
void require_gates(postgres::Session& source, postgres::Session& target, sync::Side to);

/// Refuses a target whose tables wait for their copy: it has the right gates and the wrong rows.
void require_copied(postgres::Session& target, sync::Side to);

/// Refuses to go on with a database that has itself failed over since the other one was last
/// drained from it: it may lack what the other one has. `to` is the side of `target`.
void require_not_failed_over(postgres::Session& target, postgres::Session& other, sync::Side to);

/// The last look at the poolers before the pause: connects again where a console has gone dead
/// since the one before, and throws Error{timeout} when the way there and back is so long that the
/// commands of the pause would use up its budget.
void require_near_poolers(Fleet& fleet, Duration pause_budget, const Clock& clock, Log& log);

/// Waits for a moment in which no pooler is opening a connection, up to `patience`: the next thing
/// to be done is the pause.
void await_settled_poolers(Fleet& fleet, Duration patience, const Clock& clock);

/// Sets the session's deadlock_timeout low, so that an autovacuum in the way is cancelled soon.
/// Returns false where the role may not (a superuser may, or SET granted from 15 on).
bool lower_deadlock_timeout(postgres::Session& session);

}  // namespace crossover::cutover
