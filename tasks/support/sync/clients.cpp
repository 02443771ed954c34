#include "sync/clients.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

constexpr auto pause_of_a_watch = std::chrono::milliseconds(20);

// A write holds RowExclusiveLock or more on its table until its transaction ends, a read
// AccessShareLock (PostgreSQL manual 13.3.1); a session without a transaction has its last
// statement. Of a session whose statements our role may not see, the server gives neither the kind
// nor the address, but its locks. The number of a session, which names the schema of its temporary
// tables, is in pg_locks while it holds a lock.
constexpr std::string_view look_sql = R"(
  WITH tables AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'crossover')),
  held AS (
    SELECT l.pid,
      bool_or(t.oid IS NOT NULL AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock',
                                               'ExclusiveLock', 'AccessExclusiveLock')) AS writes,
      bool_or(t.oid IS NOT NULL AND l.mode IN ('AccessShareLock', 'RowShareLock')) AS reads,
      count(*) FILTER (WHERE l.locktype = 'advisory') AS advisory,
      max(split_part(l.virtualtransaction, '/', 1)) AS number
    FROM pg_locks l LEFT JOIN tables t ON l.locktype = 'relation' AND t.oid = l.relation
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    WHERE l.granted GROUP BY l.pid)
  SELECT a.pid::text || ' ' || coalesce(a.backend_start::text, ''),
    CASE WHEN a.text = '<insufficient privilege>' THEN '(hidden)'
         ELSE coalesce(host(a.client_addr), 'local') END,
    coalesce(nullif(a.application_name, ''), '(none)'), coalesce(a.usename, '(none)'),
    a.xact_start IS NOT NULL, coalesce(h.advisory, 0), coalesce(h.number, ''),
    coalesce(h.writes, false) OR a.text ~* '^\s*(insert|update|delete|merge|truncate)\M'
      OR a.text ~* '^\s*copy\M.*\mfrom\s+stdin'
      OR a.text ~* '^\s*with\M.*\m(insert\s+into|update|delete\s+from|merge\s+into)\M',
    coalesce(h.reads, false) OR a.text ~* '^\s*(select|table|values|with|fetch)\M'
      OR a.text ~* '^\s*copy\M.*\mto\s+stdout',
    a.text ~* '^\s*listen\M',
    a.text = '<insufficient privilege>' OR coalesce(a.state, '') = 'disabled'
  FROM (SELECT *, coalesce(query, '') AS text FROM pg_stat_activity) a
  LEFT JOIN held h ON h.pid = a.pid
  WHERE a.datname = current_database()
    AND (a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.usename IS NOT NULL))
    AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'crossover%')";

constexpr std::string_view temporary_sql = R"(
  SELECT substr(n.nspname, length('pg_temp_') + 1), count(*)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relpersistence = 't' AND c.relkind IN ('r', 'p') AND n.nspname LIKE 'pg\_temp\_%'
  GROUP BY 1)";

// From PostgreSQL 16 on these are the numbers by which schemas of temporary tables are called.
constexpr std::string_view numbers_sql = R"(
  SELECT a.pid::text || ' ' || coalesce(a.backend_start::text, ''), b.id::text
  FROM pg_stat_get_backend_idset() AS b(id)
  JOIN pg_stat_activity a ON a.pid = pg_stat_get_backend_pid(b.id)
  WHERE a.datname = current_database())";
constexpr int numbers_known_from = 160000;

constexpr std::string_view notifying_sql = R"(
  SELECT p.oid::regprocedure::text
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'crossover')
    AND p.prosrc ~* '\m(pg_notify\s*\(|notify\s+\w)'
  ORDER BY 1 LIMIT 3)";

constexpr std::string_view written_sql = R"(
  SELECT coalesce(sum(tup_inserted + tup_updated + tup_deleted), 0)::bigint
  FROM pg_stat_database WHERE datname = current_database())";

// One session in all looks.
struct SessionSeen {
  DatabaseClient facts;
  std::string number;  // empty: not known
};

class Watch {
 public:
  explicit Watch(Session& session)
      : session_(session), written_before_(session.query(written_sql).int64(0, 0)) {}

  void look() {
    const Rows rows = session_.query(look_sql);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      SessionSeen& seen = sessions_[std::string(rows.text(i, 0))];
      DatabaseClient& facts = seen.facts;
      facts.address = rows.text(i, 1);
      facts.application = rows.text(i, 2);
      facts.role = rows.text(i, 3);
      const bool in_transaction = rows.boolean(i, 4);
      const auto advisory = static_cast<int>(rows.int64(i, 5));
      facts.in_transaction |= in_transaction ? 1 : 0;
      facts.advisory_locks = std::max(facts.advisory_locks, advisory);
      if (!in_transaction && !rows.boolean(i, 10)) {
        facts.session_advisory_locks = std::max(facts.session_advisory_locks, advisory);
      }
      if (!rows.text(i, 6).empty()) {
        seen.number = rows.text(i, 6);
      }
      facts.writes = facts.writes || rows.boolean(i, 7);
      facts.reads = facts.reads || rows.boolean(i, 8);
      facts.listens = facts.listens || rows.boolean(i, 9);
      facts.hidden = facts.hidden || rows.boolean(i, 10);
    }
    look_at_temporary_tables();
  }

  ClientsSeen seen() {
    ClientsSeen all;
    std::map<std::tuple<std::string, std::string, std::string>, DatabaseClient> groups;
    for (const auto& [id, session] : sessions_) {
      add(groups[{session.facts.address, session.facts.application, session.facts.role}],
          session.facts);
    }
    for (auto& [name, client] : groups) {
      all.clients.push_back(std::move(client));
    }
    std::ranges::stable_sort(all.clients, std::ranges::greater(), &DatabaseClient::sessions);
    all.other_temporary_tables = other_temporary_tables_;
    const Rows functions = session_.query(notifying_sql);
    for (std::size_t i = 0; i < functions.size(); ++i) {
      all.notifying_functions.emplace_back(functions.text(i, 0));
    }
    all.rows_written = session_.query(written_sql).int64(0, 0) - written_before_;
    return all;
  }

 private:
  void look_at_temporary_tables() {
    const Rows tables = session_.query(temporary_sql);
    if (tables.empty()) {
      return;
    }
    if (session_.server_version() >= numbers_known_from) {
      const Rows numbers = session_.query(numbers_sql);
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto session = sessions_.find(std::string(numbers.text(i, 0)));
        if (session != sessions_.end()) {
          session->second.number = numbers.text(i, 1);
        }
      }
    }
    other_temporary_tables_ = 0;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const auto count = static_cast<int>(tables.int64(i, 1));
      const auto owner = std::ranges::find_if(
          sessions_, [&](const auto& entry) { return entry.second.number == tables.text(i, 0); });
      if (owner == sessions_.end()) {
        other_temporary_tables_ += count;
      } else {
        DatabaseClient& facts = owner->second.facts;
        facts.temporary_tables = std::max(facts.temporary_tables, count);
      }
    }
  }

  static void add(DatabaseClient& group, const DatabaseClient& one) {
    group.address = one.address;
    group.application = one.application;
    group.role = one.role;
    ++group.sessions;
    group.in_transaction += one.in_transaction;
    group.advisory_locks += one.advisory_locks;
    group.session_advisory_locks += one.session_advisory_locks;
    group.temporary_tables += one.temporary_tables;
    group.writes = group.writes || one.writes;
    group.reads = group.reads || one.reads;
    group.listens = group.listens || one.listens;
    group.hidden = group.hidden || one.hidden;
  }

  Session& session_;
  std::int64_t written_before_;
  std::map<std::string, SessionSeen> sessions_;
  int other_temporary_tables_ = 0;
};

std::string in_use(bool seen) { return seen ? " (seen in use now)" : ""; }

}  // namespace

ClientsSeen watch_clients(Session& session, const Clock& clock, Duration window) {
  const Deadline end(clock, window);
  Watch watch(session);
  watch.look();
  while (!end.passed()) {
    clock.sleep(std::min<Duration>(pause_of_a_watch, end.left()));
    watch.look();
  }
  return watch.seen();
}

ClientsSeen read_clients(Session& session) {
  return watch_clients(session, SystemClock(), Duration::zero());
}

Findings open_questions(const config::Answers& answers, const ClientsSeen& seen) {
  Findings findings;
  const auto ask = [&](const std::string& answer, std::string_view key, std::string text) {
    if (answer.empty()) {
      findings.push_back(
          {Finding::Level::question, fmt::format("sync.answers.{}", key), std::move(text)});
    }
  };
  const auto any = [&](auto&& predicate) { return std::ranges::any_of(seen.clients, predicate); };
  const bool listens = any([](const DatabaseClient& client) { return client.listens; });
  const std::string notifies =
      seen.notifying_functions.empty()
          ? std::string()
          : fmt::format(" ({} would tell it)", fmt::join(seen.notifying_functions, ", "));
  ask(answers.listen, "listen",
      fmt::format("does the application use LISTEN{}? It does not work behind transaction pooling",
                  listens ? in_use(true) : notifies));
  ask(answers.advisory_locks, "advisoryLocks",
      fmt::format("does it hold advisory locks across transactions{}?",
                  in_use(any([](const DatabaseClient& client) {
                    return client.session_advisory_locks > 0;
                  }))));
  ask(answers.temporary_tables, "temporaryTables",
      fmt::format("does it use temporary tables across transactions{}?",
                  in_use(seen.other_temporary_tables > 0 || any([](const DatabaseClient& client) {
                           return client.temporary_tables > 0;
                         }))));
  ask(answers.workers, "workers",
      "are there workers or schedules that both APIs would run at the same time?");
  return findings;
}

}  // namespace crossover::sync
