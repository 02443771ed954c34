#include "cutover/switch_guards.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sync/array.h"

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
      "AND (a.backend_type <> 'autovacuum worker' OR $2::boolean "
      "OR a.query LIKE '%(to prevent wraparound)%') LIMIT 1",
      {sync::text_array(names), autovacuum_yields ? "false" : "true"});
  if (!rows.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to switch: '{}' is running on a synced table", rows.text(0, 0)),
                "wait for its end: the gate can't be closed meanwhile");
  }
}

}  // namespace

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
