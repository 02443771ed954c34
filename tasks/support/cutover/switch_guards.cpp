#include "cutover/switch_guards.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cutover/abandon.h"
#include "sync/array.h"
#include "sync/gate.h"
#include "sync/repair.h"
#include "sync/state.h"

namespace crossover::cutover {
namespace {

using postgres::Rows;
using postgres::Session;

void require_no_prepared_transaction(Session& session) {
  const Rows rows = session.query(
      "SELECT gid, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS') FROM pg_catalog.pg_prepared_xacts "
      "WHERE database = pg_catalog.current_database() ORDER BY prepared LIMIT 1");
  if (!rows.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to switch: prepared transaction '{}' of {} UTC is open",
                            rows.text(0, 0), rows.text(0, 1)),
                "commit it or roll it back: it holds locks that outlive its session");
  }
}

void require_no_long_transaction(Session& session, Duration longest) {
  const Rows rows = session.query(
      "SELECT application_name, coalesce(host(client_addr), 'a local socket'), usename, "
      "round(extract(epoch FROM clock_timestamp() - xact_start)::numeric, 1) "
      "FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database() "
      "AND backend_type = 'client backend' AND xact_start IS NOT NULL "
      "AND pid <> pg_catalog.pg_backend_pid() AND application_name NOT LIKE 'crossover %' "
      "AND clock_timestamp() - xact_start > $1::float8 * interval '1 s' "
      "ORDER BY xact_start LIMIT 1",
      {fmt::format("{}", seconds(longest))});
  if (!rows.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to switch: a transaction of '{}' ({} at {}) has been open for "
                            "{} s",
                            rows.text(0, 0), rows.text(0, 2), rows.text(0, 1), rows.text(0, 3)),
                "end it or wait for it: the pause would have to wait for it too");
  }
}

void require_no_vacuum(Session& session, const std::vector<sync::SyncedTable>& tables,
                       bool autovacuum_yields) {
  std::vector<std::string> names;
  for (const sync::SyncedTable& table : tables) {
    for (const sync::TableName& relation : table.relations) {
      names.push_back(relation.quoted());
    }
  }
  const Rows rows = session.query(
      "SELECT a.query FROM pg_catalog.pg_locks l "
      "JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
      "WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock' "
      "AND l.relation IN (SELECT to_regclass(name) FROM unnest($1::text[]) name) "
      // An autovacuum has no user; what kind of backend it is not every role is shown.
      "AND (a.usesysid IS NOT NULL OR $2::boolean "
      "OR a.query LIKE '%(to prevent wraparound)%') LIMIT 1",
      {sync::text_array(names), autovacuum_yields ? "false" : "true"});
  if (!rows.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to switch: '{}' is running on a synced table", rows.text(0, 0)),
                "wait for its end: the gate can't be closed meanwhile");
  }
}

}  // namespace

void require_kept(Session& source, Session& target) {
  for (Session* session : {&source, &target}) {
    const auto row = sync::read_migration(*session);
    if (row && row->phase == sync::abandoned_phase) {
      throw Error(ErrorKind::precondition,
                  "unable to switch: the new database was given up by `rollback --accept-loss`",
                  "list what was written there and not carried by `data-sync salvage` when it "
                  "answers again, end this migration by `data-sync remove`, make the new database "
                  "anew and begin again");
    }
  }
}

void require_gates(Session& source, Session& target, sync::Side to) {
  const sync::GateState source_gate = sync::gate_state(source);
  const sync::GateState target_gate = sync::gate_state(target);
  if (source_gate != sync::GateState::open || target_gate != sync::GateState::closed) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to switch to the {} database: the gate of the {} database is {} and "
                    "that of the {} one {}",
                    sync::name(to), sync::name(sync::other(to)), sync::name(source_gate),
                    sync::name(to), sync::name(target_gate)),
        "run `data-sync start` and wait for `data-sync status` to say following");
  }
}

void require_whole(const Fleet& fleet, const std::vector<std::string>& running) {
  const std::vector<std::string> known = fleet.names();
  for (const std::string& name : running) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(ErrorKind::locked,
                  fmt::format("unable to switch: pooler '{}' has started meanwhile", name),
                  "run this step again");
    }
  }
}

void require_copied(Session& target, sync::Side to) {
  if (const std::int64_t missing = sync::uncopied_tables(target); missing > 0) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to switch to the {} database: {} of its tables are not copied",
                            sync::name(to), missing),
                to == sync::Side::new_side ? "run `data-sync start` to its end first"
                                           : "run `data-sync start --reverse` to its end first");
  }
}

void require_not_failed_over(Session& target, Session& other, sync::Side to) {
  const sync::Side rest = sync::other(to);
  const sync::Direction drained = sync::direction_to(rest);
  const bool known = !other
                          .query("SELECT FROM crossover.position WHERE direction = $1",
                                 {std::string(sync::name(drained))})
                          .empty();
  if (!known || sync::has_failed_over(target, other, drained)) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to go on with the {} database: {}", sync::name(to),
                    known ? "it has failed over itself, and may lack what the other one has"
                          : "nothing was ever carried from it"),
        rest == sync::Side::old_side
            ? "`route-switch rollback` goes on with the old database"
            : "`route-switch switch` goes on with the new database; to go on with the old one "
              "whatever it lacks: `route-switch rollback --accept-loss`");
  }
}

void require_near_poolers(Fleet& fleet, Duration pause_budget, const Clock& clock, Log& log) {
  const auto look = [&] {
    const Clock::Monotonic asked = clock.now();
    fleet.states(Deadline(clock, pause_budget / 2));
    return clock.now() - asked;
  };
  try {
    look();
  } catch (const Error& error) {
    log.warning("{}: connecting again", error.text());
    fleet.states(Deadline(clock, std::chrono::seconds(5)));
  }
  // PAUSE, SET, RELOAD and RESUME go to all poolers at once, a look from one to the next.
  const Duration all = look();
  const Duration needed = 4 * all / static_cast<std::int64_t>(fleet.size()) + all;
  if (needed > pause_budget) {
    const auto ms = [](Duration time) {
      return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    };
    throw Error(ErrorKind::timeout,
                fmt::format("unable to switch: the way to the poolers and back alone would take "
                            "{} ms of the pause, which may last {} ms",
                            ms(needed), ms(pause_budget)),
                "run this step nearer to the poolers, or raise switch.pauseBudget");
  }
}

void await_settled_poolers(Fleet& fleet, Duration patience, const Clock& clock) {
  const Deadline deadline(clock, patience);
  while (!deadline.passed() && fleet.connecting(Deadline(clock, patience))) {
    clock.sleep(std::chrono::milliseconds(2));
  }
}

bool lower_deadlock_timeout(Session& session) {
  try {
    session.batch("SET deadlock_timeout = '20ms'");
    return true;
  } catch (const Error& error) {
    if (error.sqlstate() != "42501") {
      throw;
    }
    return false;
  }
}

void require_quiet_source(Session& source, const std::vector<sync::SyncedTable>& tables,
                          Duration longest, bool autovacuum_yields) {
  require_no_prepared_transaction(source);
  require_no_long_transaction(source, longest);
  require_no_vacuum(source, tables, autovacuum_yields);
}

}  // namespace crossover::cutover
