#include "sync/capture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/retry.h"
#include "base/stop_point.h"
#include "postgres/sqlstate.h"
#include "sync/array.h"
#include "sync/standing_triggers.h"
#include "sync/state.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

// What creating and switching a trigger takes by itself, and what dropping one takes (PostgreSQL
// manual 13.3.1). At once: who has read a table under the weaker lock and goes on to write it would
// wait for us, and we for them.
constexpr std::string_view lock_to_add = "SHARE ROW EXCLUSIVE";
constexpr std::string_view lock_to_drop = "ACCESS EXCLUSIVE";

// Writers wait for the first of the relations until we have the last one too, so the limit is for
// all of them: lock_timeout alone would begin anew with each.
std::string lock_sql(const SyncedTable& table, std::string_view mode, Duration limit) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return fmt::format(
      "SET LOCAL lock_timeout = {0};\nSET LOCAL statement_timeout = {0};\n"
      "LOCK TABLE ONLY {1} IN {2} MODE;\nSET LOCAL statement_timeout = 0;\n",
      millis, fmt::join(relation_names({table}), ", ONLY "), mode);
}

bool is_blocked(const Error& error) {
  return postgres::is_lock_conflict(error) || error.sqlstate() == postgres::sqlstate::cancelled;
}

// Who stands in the way of that lock, for the message of a failure: readers only of a drop.
std::string blockers(Session& session, const SyncedTable& table, std::string_view lock) {
  const Rows rows =
      session.query(R"(
    SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename,
           coalesce(host(a.client_addr), 'local'), a.state,
           extract(epoch FROM clock_timestamp() - a.xact_start)::bigint
    FROM pg_locks l
    JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.relation = ANY (SELECT r::regclass FROM unnest($1::text[]) r)
      AND ($2::boolean OR l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
    LIMIT 5)",
                    {text_array(relation_names({table})), lock == lock_to_drop ? "true" : "false"});
  std::vector<std::string> list;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    list.push_back(fmt::format("pid {} ({}, role {}, from {}, {}, for {} s)", rows.text(i, 0),
                               rows.text(i, 1), rows.text(i, 2), rows.text(i, 3), rows.text(i, 4),
                               rows.text(i, 5)));
  }
  return list.empty() ? "nobody any more" : fmt::format("{}", fmt::join(list, "; "));
}

bool is_anti_wraparound(Session& session, const SyncedTable& table) {
  const Rows rows = session.query(R"(
    SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.relation = $1::regclass
      AND a.query LIKE 'autovacuum:%to prevent wraparound%')",
                                  {table.table.quoted()});
  return rows.int64(0, 0) > 0;
}

// PostgreSQL cancels an autovacuum in the way after deadlock_timeout (manual 25.1.6), which may be
// longer than our lock timeout. Only some roles may lower it; the others get every fourth attempt
// long enough to see it yield.
Duration attempt_timeout(Session& session, const LockBudget& budget, int attempt) {
  if (attempt % 4 != 0) {
    return budget.lock_timeout;
  }
  const Rows rows = session.query(
      "SELECT (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint");
  return std::max(budget.lock_timeout, Duration(std::chrono::milliseconds(rows.int64(0, 0) + 200)));
}

void lower_deadlock_timeout(Session& session) {
  try {
    session.batch("SET deadlock_timeout = '100ms'");
  } catch (const Error& error) {
    if (error.sqlstate() != "42501") {
      throw;
    }
  }
}

/// Runs `sql` with every relation of the table locked, in one transaction, again and again inside
/// the budget.
void change_table(Session& session, const SyncedTable& table, std::string_view lock,
                  const InstallContext& context, std::string_view what, const std::string& sql) {
  std::string in_the_way;
  int attempt = 0;
  const auto once = [&] {
    const Duration limit = attempt_timeout(session, context.budget, ++attempt);
    // One message: the application must not wait for a process that was stopped in between.
    try {
      session.batch(fmt::format("BEGIN;\n{}{}COMMIT;", lock_sql(table, lock, limit), sql));
    } catch (const Error&) {
      if (!session.broken() && session.in_transaction()) {
        session.batch("ROLLBACK");
      }
      throw;
    }
  };
  const auto blocked = [&](const Error& error) {
    if (!is_blocked(error)) {
      return false;
    }
    in_the_way = blockers(session, table, lock);
    if (is_anti_wraparound(session, table)) {
      context.log.info("{}: waiting for an anti-wraparound vacuum, which does not yield",
                       table.table.text());
    }
    context.log.debug("{}: lock not available, held by {}", table.table.text(), in_the_way);
    return true;
  };
  try {
    retry(context.clock, context.stop, RetryPolicy{.budget = context.budget.total}, blocked, once);
  } catch (Error& error) {
    if (is_blocked(error)) {
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to {} on '{}': no lock within {} s, blocked by {}", what,
                              table.table.text(), seconds(context.budget.total), in_the_way),
                  "end that transaction or wait for it, then run the same command again")
          .set_sqlstate(error.sqlstate());
    }
    error.add_context(fmt::format("table {}", table.table.text()));
    throw;
  }
}

constexpr std::string_view capture_prefix = "crossover_capture_";

// What is left of an installation is dropped and made anew.
std::string_view lock_to_install(Standing standing) {
  return standing == Standing::part ? lock_to_drop : lock_to_add;
}

// So that what still stands costs nothing while table after table is waited for. A function's new
// version wants room, and on a full disk the log that goes with capture is what has to go: there
// the triggers are taken off as they are.
void disarm(Session& session, const std::vector<SyncedTable>& tables, Log& log) {
  try {
    for (const SyncedTable& table : tables) {
      session.batch(disarm_capture_sql(table));
      stop_point("capture-function-disarmed");
    }
  } catch (const Error& error) {
    if (error.sqlstate() != postgres::sqlstate::disk_full) {
      throw;
    }
    log.warning("the disk is full: capture's triggers are taken off as they are");
  }
}

void name_capture(Session& session, const std::string& id) {
  session.query("UPDATE crossover.migration SET capture = $1 WHERE capture <> $1", {id});
}

}  // namespace

bool capture_stands(Session& session, const std::vector<SyncedTable>& tables) {
  return standing_triggers(session, tables, capture_prefix, 4) == Standing::all &&
         !session.query("SELECT FROM crossover.migration WHERE capture <> ''").empty();
}

int install_capture(Session& session, const std::vector<SyncedTable>& tables,
                    const Secret& apply_token, const InstallContext& context) {
  if (capture_stands(session, tables)) {
    return 0;
  }
  name_capture(session, {});
  stop_point("capture-unnamed");
  lower_deadlock_timeout(session);
  for (const SyncedTable& table : tables) {
    // Under triggers that stand, too: a removal that was killed has left functions that do nothing.
    session.batch(create_log_sql(table) + create_capture_functions_sql(table));
    const Standing standing = standing_triggers(session, {table}, capture_prefix, 4);
    if (standing != Standing::all) {
      std::string sql;
      for (const TableName& relation : table.relations) {
        sql += create_capture_triggers_sql(table, relation, apply_token);
      }
      change_table(session, table, lock_to_install(standing), context, "install capture", sql);
    }
    stop_point("capture-installed");
  }
  name_capture(session, new_token());
  stop_point("capture-named");
  return static_cast<int>(tables.size());
}

int install_gate(Session& session, const std::vector<SyncedTable>& tables,
                 const Secret& apply_token, bool closed, const InstallContext& context) {
  lower_deadlock_timeout(session);
  session.batch(create_gate_function_sql());
  stop_point("gate-function-created");
  int changed = 0;
  for (const SyncedTable& table : tables) {
    const Standing standing = standing_triggers(session, {table}, gate_trigger, 1);
    if (standing == Standing::all) {
      continue;
    }
    std::string sql;
    for (const TableName& relation : table.relations) {
      sql += create_gate_trigger_sql(relation, apply_token, closed);
    }
    change_table(session, table, lock_to_install(standing), context, "install the gate", sql);
    ++changed;
    stop_point("gate-installed");
  }
  return changed;
}

void disarm_capture(Session& session, const std::vector<SyncedTable>& tables, Log& log) {
  name_capture(session, {});
  disarm(session, tables, log);
}

int remove_capture(Session& session, const std::vector<SyncedTable>& tables,
                   const InstallContext& context) {
  lower_deadlock_timeout(session);
  name_capture(session, {});
  stop_point("capture-unnamed");
  const auto standing = tables_with_triggers(session, tables, capture_prefix);
  int changed = 0;
  if (!standing.empty()) {
    disarm(session, tables, context.log);
    stop_point("capture-disarmed");
    for (const SyncedTable& table : standing) {
      std::string sql;
      for (const TableName& relation : table.relations) {
        sql += drop_capture_triggers_sql(relation);
      }
      change_table(session, table, lock_to_drop, context, "remove capture", sql);
      ++changed;
      stop_point("capture-removed");
    }
  }
  for (const SyncedTable& table : tables) {
    session.batch(drop_capture_sql(table));
    stop_point("capture-dropped");
  }
  return changed;
}

int remove_gate(Session& session, const std::vector<SyncedTable>& tables,
                const InstallContext& context) {
  lower_deadlock_timeout(session);
  int changed = 0;
  for (const SyncedTable& table : tables_with_triggers(session, tables, gate_trigger)) {
    std::string sql;
    for (const TableName& relation : table.relations) {
      sql += fmt::format("DROP TRIGGER IF EXISTS {} ON {};\n", gate_trigger, relation.quoted());
    }
    change_table(session, table, lock_to_drop, context, "remove the gate", sql);
    ++changed;
    stop_point("gate-removed");
  }
  session.batch("DROP FUNCTION IF EXISTS crossover.refuse()");
  stop_point("gate-function-dropped");
  return changed;
}

bool drop_state(Session& session) {
  const Rows there = session.query("SELECT to_regnamespace('crossover') IS NOT NULL");
  if (!there.boolean(0, 0)) {
    return false;
  }
  Transaction transaction(session);
  session.batch(
      "DROP TABLE IF EXISTS crossover.evidence, crossover.verification, crossover.position, "
      "crossover.copy_piece, crossover.kept_row, crossover.saved_row, crossover.synced_table, "
      "crossover.migration");
  try {
    session.batch("DROP SCHEMA crossover");
  } catch (const Error& error) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to drop schema 'crossover': {}", error.message()),
                "something that Crossover did not make stands in that schema: move it away, then "
                "run `data-sync remove` again")
        .set_sqlstate(error.sqlstate());
  }
  transaction.commit();
  stop_point("state-dropped");
  return true;
}

std::int64_t log_bytes(Session& session, const std::vector<SyncedTable>& tables) {
  std::vector<std::string> names;
  for (const SyncedTable& table : tables) {
    names.push_back(log_name(table));
  }
  const Rows rows = session.query(
      "SELECT coalesce(sum(pg_total_relation_size(to_regclass(n))), 0)::bigint "
      "FROM unnest($1::text[]) n",
      {text_array(names)});
  return rows.int64(0, 0);
}

}  // namespace crossover::sync
