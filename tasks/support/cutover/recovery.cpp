#include "cutover/recovery.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/stop_point.h"
#include "cutover/abandon.h"
#include "cutover/cutover_lock.h"
#include "sync/gate.h"
#include "sync/position.h"
#include "sync/repair.h"
#include "sync/state.h"

namespace crossover::cutover {
namespace {

using postgres::Session;

std::optional<Side> side_named(const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  return text == "new" ? Side::new_side : Side::old_side;
}

SideFacts look(Session& session, const std::string& migration) {
  SideFacts facts;
  const auto row = sync::read_migration(session);
  facts.in_migration = row.has_value();
  if (row) {
    if (row->name != migration) {
      throw Error(ErrorKind::precondition,
                  fmt::format("it takes part in migration '{}'", row->name));
    }
    facts.moving_to = side_named(row->moving_to);
    facts.other_abandoned = row->side == Side::old_side && row->phase == sync::abandoned_phase;
  }
  facts.gate = sync::gate_state(session);
  const std::optional<Duration> silence = task_silence(session, migration);
  facts.task_at_work = silence.has_value();
  facts.task_silence = silence.value_or(Duration{});
  facts.reachable = true;
  return facts;
}

// A process that was stopped inside its final transaction keeps the migration's row locked for as
// long as its machine answers for it. Nobody holds the cutover's lock but us, so whoever idles in a
// transaction on that row is such a one.
void end_stopped_predecessors(Session& session) {
  session.query(
      "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a "
      "WHERE a.state LIKE 'idle in transaction%' AND a.pid <> pg_catalog.pg_backend_pid() "
      "AND a.state_change < pg_catalog.clock_timestamp() - interval '500 ms' "
      "AND a.pid IN (SELECT l.pid FROM pg_catalog.pg_locks l "
      "WHERE l.relation = 'crossover.migration'::regclass "
      "AND l.mode IN ('RowShareLock', 'RowExclusiveLock'))");
}

// Waits, in short attempts, until nobody has the migration's row.
void take_owner_patiently(Session& session, const std::string& token, Duration patience,
                          const Clock& clock) {
  const Deadline deadline(clock, patience);
  session.batch("SET lock_timeout = 250");
  while (true) {
    end_stopped_predecessors(session);
    try {
      sync::take_owner(session, token);
      return;
    } catch (const Error& error) {
      if (error.sqlstate() != "55P03" || deadline.passed()) {
        throw;
      }
    }
  }
}

void reopen(const sync::Database& database, const std::string& token,
            const RecoveryOptions& options, const Clock& clock) {
  Session session = database.open("reopen");
  const auto tables = sync::read_tables(session);
  take_owner_patiently(session, token, options.patience, clock);
  stop_point("recover-before-reopen");
  sync::open_gate(session, tables, token, options.patience);
}

// What the move's target has lost by a failover after the service had lived there may have been
// carried back before. Such rows are in no log of the source, so draining would never bring them
// to the target again: only a comparison does.
void distrust_target(const sync::Databases& databases, Side source, Log& log) {
  const Side target = sync::other(source);
  Session left = databases.at(source).open("recover");
  Session lost = databases.at(target).open("recover");
  if (sync::has_failed_over(lost, left, sync::direction_to(source))) {
    log.warning("the {} database has failed over: all rows must be compared before the next switch",
                sync::name(target));
    sync::distrust_position(lost, sync::direction_to(target));
  }
}

bool settled(const PoolerState& state, Side side) {
  return state.serving && !state.paused && state.target == side;
}

void serve(Fleet& fleet, Side side, const RecoveryOptions& options, const Clock& clock) {
  const Deadline deadline(clock, options.command_timeout);
  bool all_settled = true;
  bool all_lead_there = true;
  for (const PoolerState& state : fleet.states(deadline)) {
    all_settled = all_settled && settled(state, side);
    all_lead_there = all_lead_there && state.target == side;
  }
  if (all_settled) {
    return;
  }
  fleet.expel_others(deadline);
  if (!all_lead_there) {
    fleet.retarget(side, deadline);
  }
  stop_point("recover-before-resume");
  fleet.resume(deadline);
}

}  // namespace

FactsReader::FactsReader(const sync::Databases& databases, std::string migration)
    : databases_(databases), migration_(std::move(migration)) {}

SideFacts FactsReader::read(Side side) {
  if (const auto kept = sessions_.find(side); kept != sessions_.end()) {
    try {
      return look(kept->second, migration_);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a new session tells
      sessions_.erase(side);
    }
  }
  try {
    auto [opened, made] = sessions_.emplace(side, databases_.at(side).open("look"));
    return look(opened->second, migration_);
  } catch (const Error& error) {
    sessions_.erase(side);
    SideFacts facts;
    facts.problem = error.text();
    return facts;
  }
}

Facts FactsReader::read() { return {read(Side::old_side), read(Side::new_side)}; }

Facts read_facts(const sync::Databases& databases, const std::string& migration) {
  return FactsReader(databases, migration).read();
}

Recovered recover(const sync::Databases& databases, Fleet& fleet, const RecoveryOptions& options,
                  const Clock& clock, Log& log) {
  const std::string token = sync::new_token();
  FactsReader reader(databases, options.migration);
  Facts facts = reader.read();
  if (const std::optional<Side> target = move_under_way(facts)) {
    // The target first: what was under way there decides. Then the source: a former task that holds
    // its tables locked ends, and one that wakes up late can't close it any more.
    for (const Side side : {*target, sync::other(*target)}) {
      if (facts.at(side).reachable) {
        Session session = databases.at(side).open("recover");
        take_owner_patiently(session, token, options.patience, clock);
      }
    }
    facts = reader.read();
  }
  Recovered recovered{crash_rule(facts, options.initial)};
  if (recovered.verdict.kind == Verdict::Kind::wait) {
    return recovered;
  }
  const Side side = recovered.verdict.side;
  if (recovered.verdict.kind == Verdict::Kind::reopen) {
    log.info("the switch to the {} database had not happened: opening the {} one again",
             sync::name(sync::other(side)), sync::name(side));
    if (!facts.old_side.other_abandoned) {
      distrust_target(databases, side, log);
    }
    reopen(databases.at(side), token, options, clock);
    recovered.reopened = true;
  }
  serve(fleet, side, options, clock);
  return recovered;
}

}  // namespace crossover::cutover
