#include "sync/gate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "sync/array.h"
#include "sync/standing_triggers.h"
#include "sync/state.h"
#include "sync/trigger_sql.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

std::string switch_triggers_sql(const std::vector<SyncedTable>& tables, std::string_view mode) {
  std::string sql;
  for (const SyncedTable& table : tables) {
    for (const TableName& relation : table.relations) {
      sql += fmt::format("ALTER TABLE {} {} TRIGGER {};\n", relation.quoted(), mode, gate_trigger);
    }
  }
  return sql;
}

std::string limit_waits_sql(Duration lock_timeout) {
  return fmt::format("SET LOCAL lock_timeout = {};\n",
                     std::chrono::duration_cast<std::chrono::milliseconds>(lock_timeout).count());
}

// Locks every relation, then makes sure that we are still the owner. A batch can't look at a
// result, so a lost ownership is made an error by dividing by the number of rows.
std::string lock_sql(const std::vector<SyncedTable>& tables, std::string_view owner,
                     Duration lock_timeout) {
  const std::string list = fmt::format("{}", fmt::join(relation_names(tables), ", ONLY "));
  return fmt::format(
      "{}{}"
      "SELECT name FROM crossover.migration WHERE owner_token = {} FOR UPDATE;\n"
      "SELECT 1 / count(*) FROM crossover.migration WHERE owner_token = {};\n",
      limit_waits_sql(lock_timeout),
      list.empty() ? "" : "LOCK TABLE ONLY " + list + " IN SHARE ROW EXCLUSIVE MODE;\n",
      postgres::quote_literal(owner), postgres::quote_literal(owner));
}

// Runs a part of a gate's transaction; when that fails nothing is left open.
void run_gate_sql(Session& session, const std::string& sql) {
  try {
    session.batch(sql);
  } catch (Error& error) {
    if (!session.broken() && session.in_transaction()) {
      session.batch("ROLLBACK");
    }
    if (error.sqlstate() == "22012") {
      throw Error(
          ErrorKind::locked,
          "unable to switch the gate: another process has become the owner of this migration",
          "look at `route-switch status`, then run this step again");
    }
    error.add_context("gate");
    throw;
  }
}

// One transaction in one message. Of what has the gate today, since gate_state goes by the same.
void switch_gate(Session& session, const std::vector<SyncedTable>& recorded, std::string_view owner,
                 Duration lock_timeout, std::string_view mode) {
  const auto tables = tables_with_triggers(session, recorded, gate_trigger);
  run_gate_sql(session, fmt::format("BEGIN;\n{}{}COMMIT;", lock_sql(tables, owner, lock_timeout),
                                    switch_triggers_sql(tables, mode)));
}

}  // namespace

std::string_view name(GateState state) {
  switch (state) {
    case GateState::absent:
      return "absent";
    case GateState::open:
      return "open";
    case GateState::closed:
      return "closed";
    case GateState::mixed:
      break;
  }
  return "mixed";
}

namespace {

constexpr std::string_view gates_sql =
    "SELECT count(*), count(*) FILTER (WHERE tgenabled = 'A'), "
    "count(*) FILTER (WHERE tgenabled = 'D') FROM pg_catalog.pg_trigger "
    "WHERE tgname = $1 AND NOT tgisinternal";

GateState state_of(const Rows& rows) {
  const std::int64_t all = rows.int64(0, 0);
  if (all == 0) {
    return GateState::absent;
  }
  if (rows.int64(0, 1) == all) {
    return GateState::closed;
  }
  return rows.int64(0, 2) == all ? GateState::open : GateState::mixed;
}

void require_closed(GateState gate, Side side) {
  if (gate == GateState::open || gate == GateState::mixed) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to carry rows to the {} database: the service lives there", name(side)),
        "look at `route-switch status`");
  }
}

}  // namespace

GateState gate_state(Session& session) {
  return state_of(session.query(gates_sql, {std::string(gate_trigger)}));
}

void require_not_live(Session& session, Side side) { require_closed(gate_state(session), side); }

void require_not_live(Session& session, Side side, const SyncedTable& table) {
  // By the catalogue's index: looking through the triggers of all tables for each of them would
  // cost more than copying.
  const Rows rows = session.query(
      fmt::format("{} AND tgrelid = ANY (SELECT to_regclass(r) FROM unnest($2::text[]) r)",
                  gates_sql),
      {std::string(gate_trigger), text_array(relation_names({table}))});
  require_closed(state_of(rows), side);
}

void close_gate(Session& session, const std::vector<SyncedTable>& tables, std::string_view owner,
                Duration lock_timeout) {
  switch_gate(session, tables, owner, lock_timeout, "ENABLE ALWAYS");
}

void open_gate(Session& session, const std::vector<SyncedTable>& tables, std::string_view owner,
               Duration lock_timeout) {
  switch_gate(session, tables, owner, lock_timeout, "DISABLE");
}

// The other database, which becomes the target, was written by the service since the mark.
constexpr const char* forget_mark_sql = "DELETE FROM crossover.carried_mark;\n";

void open_gate_in_transaction(Session& session, const std::vector<SyncedTable>& tables,
                              std::string_view owner, Duration lock_timeout) {
  run_gate_sql(session, lock_sql(tables, owner, lock_timeout) + forget_mark_sql +
                            switch_triggers_sql(tables, "DISABLE"));
}

// The size itself is of no use, but a server opens each relation to look for it, and keeps what it
// found in the session's relation cache.
void prepare_closing(Session& session, const std::vector<SyncedTable>& tables,
                     Duration lock_timeout) {
  postgres::Transaction transaction(session);
  session.batch(limit_waits_sql(lock_timeout));
  session.query("SELECT count(pg_relation_size(to_regclass(r))) FROM unnest($1::text[]) r",
                {text_array(relation_names(tables))});
  transaction.commit();
}

GateClosing::GateClosing(Session& session, const std::vector<SyncedTable>& tables,
                         std::string_view owner, Duration lock_timeout)
    : session_(session), close_sql_(switch_triggers_sql(tables, "ENABLE ALWAYS") + "COMMIT;") {
  // Between its two messages this session holds locks that the service would wait for.
  run_gate_sql(session_, "BEGIN;\nSET LOCAL idle_in_transaction_session_timeout = 1000;\n" +
                             lock_sql(tables, owner, lock_timeout));
}

GateClosing::~GateClosing() {
  if (session_.broken() || !session_.in_transaction()) {
    return;
  }
  try {
    session_.batch("ROLLBACK");
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // A connection that is lost here has rolled back by itself.
  }
}

void GateClosing::commit() { run_gate_sql(session_, close_sql_); }

}  // namespace crossover::sync
