#include "sync/locked_change.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/retry.h"
#include "postgres/sqlstate.h"
#include "sync/array.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

// Writers wait for the first of the relations until we have the last one too, so the limit is for
// all of them: lock_timeout alone would begin anew with each.
std::string lock_sql(const Locks& locks, Duration limit) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return fmt::format(
      "SET LOCAL lock_timeout = {0};\nSET LOCAL statement_timeout = {0};\n"
      "LOCK TABLE ONLY {1} IN {2} MODE;\nSET LOCAL statement_timeout = 0;\n",
      millis, fmt::join(locks.relations, ", ONLY "), locks.mode);
}

bool is_blocked(const Error& error) {
  return postgres::is_lock_conflict(error) || error.sqlstate() == postgres::sqlstate::cancelled;
}

// Who stands in the way of that lock, for the message of a failure: readers only of a drop.
std::string blockers(Session& session, const Locks& locks) {
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
                    {text_array(locks.relations), locks.mode == lock_to_drop ? "true" : "false"});
  std::vector<std::string> list;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    list.push_back(fmt::format("pid {} ({}, role {}, from {}, {}, for {} s)", rows.text(i, 0),
                               rows.text(i, 1), rows.text(i, 2), rows.text(i, 3), rows.text(i, 4),
                               rows.text(i, 5)));
  }
  return list.empty() ? "nobody any more" : fmt::format("{}", fmt::join(list, "; "));
}

enum class Autovacuum { none, yielding, against_wraparound };

// By its lock, and by having no user: to a role without pg_read_all_stats the server shows no more
// of it, so that even one against wraparound passes for one that yields.
Autovacuum autovacuum(Session& session, const Locks& locks) {
  const Rows rows = session.query(R"(
    SELECT coalesce(bool_or(a.query LIKE '%to prevent wraparound%'), false)
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.relation = ANY (SELECT r::regclass FROM unnest($1::text[]) r) AND a.usesysid IS NULL
    HAVING count(*) > 0)",
                                  {text_array(locks.relations)});
  if (rows.empty()) {
    return Autovacuum::none;
  }
  return rows.boolean(0, 0) ? Autovacuum::against_wraparound : Autovacuum::yielding;
}

// PostgreSQL cancels an autovacuum in the way after deadlock_timeout (manual 25.1.6), which may be
// longer than our lock timeout. Only some roles may lower it; the others get an attempt that is
// long enough to see it yield, as nobody else would.
Duration long_attempt(Session& session, const LockBudget& budget) {
  const Rows rows = session.query(
      "SELECT (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint");
  return std::max(budget.lock_timeout, Duration(std::chrono::milliseconds(rows.int64(0, 0) + 200)));
}

}  // namespace

void change_locked(Session& session, const SyncedTable& table, const Locks& locks,
                   const InstallContext& context, std::string_view what, const std::string& sql) {
  std::string in_the_way;
  int vacuums = 0;  // how often one that yields was in the way
  const auto once = [&] {
    const Duration limit =
        vacuums % 4 == 1 ? long_attempt(session, context.budget) : context.budget.lock_timeout;
    // One message: the application must not wait for a process that was stopped in between.
    try {
      session.batch(fmt::format("BEGIN;\n{}{}COMMIT;", lock_sql(locks, limit), sql));
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
    in_the_way = blockers(session, locks);
    const Autovacuum vacuum = autovacuum(session, locks);
    vacuums += vacuum == Autovacuum::yielding ? 1 : 0;
    if (vacuum == Autovacuum::against_wraparound) {
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

}  // namespace crossover::sync
