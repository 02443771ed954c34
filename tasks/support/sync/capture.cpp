#include "sync/capture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/stop_point.h"
#include "postgres/sqlstate.h"
#include "sync/array.h"
#include "sync/locked_change.h"
#include "sync/standing_triggers.h"
#include "sync/state.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;
using postgres::Transaction;

void lower_deadlock_timeout(Session& session) {
  try {
    session.batch("SET deadlock_timeout = '100ms'");
  } catch (const Error& error) {
    if (error.sqlstate() != "42501") {
      throw;
    }
  }
}

/// The same with every relation of the table locked.
void change_table(Session& session, const SyncedTable& table, std::string_view mode,
                  const InstallContext& context, std::string_view what, const std::string& sql) {
  change_locked(session, table, {relation_names({table}), mode}, context, what, sql);
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

// Nobody writes the log any more, but somebody may read it: a pg_dump, for hours.
void drop_capture(Session& session, const SyncedTable& table, const InstallContext& context) {
  const std::string log = log_name(table);
  if (session.query("SELECT to_regclass($1) IS NOT NULL", {log}).boolean(0, 0)) {
    change_locked(session, table, {{log}, lock_to_drop}, context, "drop the capture log",
                  drop_capture_sql(table));
  } else {
    session.batch(drop_capture_sql(table));
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
    drop_capture(session, table, context);
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

bool drop_state(Session& session, Duration patience) {
  const Rows there = session.query("SELECT to_regnamespace('crossover') IS NOT NULL");
  if (!there.boolean(0, 0)) {
    return false;
  }
  Transaction transaction(session);
  const auto refused = [](ErrorKind kind, const Error& error, std::string_view hint) {
    return Error(kind, fmt::format("unable to drop schema 'crossover': {}", error.message()),
                 std::string(hint))
        .set_sqlstate(error.sqlstate());
  };
  try {
    session.batch(fmt::format(
        "SET LOCAL lock_timeout = {};"
        "DROP TABLE IF EXISTS crossover.evidence, crossover.verification, crossover.position, "
        "crossover.copy_piece, crossover.kept_row, crossover.saved_row, crossover.carried_mark, "
        "crossover.synced_table, crossover.synced_schema, crossover.migration",
        std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()));
  } catch (const Error& error) {
    if (!postgres::is_lock_conflict(error)) {
      throw;
    }
    throw refused(ErrorKind::timeout, error,
                  "somebody reads it, as a pg_dump does: wait for its end, then run the same "
                  "command again");
  }
  try {
    session.batch("DROP SCHEMA crossover");
  } catch (const Error& error) {
    throw refused(ErrorKind::precondition, error,
                  "something that Crossover did not make stands in that schema: move it away, then "
                  "run `data-sync remove` again");
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
