#include "sync/clients.h"

#include <fmt/format.h>

#include <algorithm>

namespace crossover::sync {

using postgres::Rows;

std::vector<DatabaseClient> read_clients(postgres::Session& session) {
  const Rows rows = session.query(R"(
    SELECT coalesce(host(a.client_addr), 'local'), coalesce(nullif(a.application_name, ''), '(none)'),
           coalesce(a.usename, '(hidden)'), count(*), count(*) FILTER (WHERE a.xact_start IS NOT NULL),
           coalesce(sum((SELECT count(*) FROM pg_locks l
                         WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted)), 0)::bigint,
           bool_or(a.query ILIKE 'listen %')
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.backend_type = 'client backend'
      AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'crossover%'
    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2)");
  std::vector<DatabaseClient> clients;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    clients.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1)),
                       std::string(rows.text(i, 2)), static_cast<int>(rows.int64(i, 3)),
                       static_cast<int>(rows.int64(i, 4)), static_cast<int>(rows.int64(i, 5)),
                       rows.text(i, 6) == "t"});
  }
  return clients;
}

Findings open_questions(const config::Answers& answers,
                        const std::vector<DatabaseClient>& clients) {
  Findings findings;
  const auto ask = [&](const std::string& answer, std::string_view key, std::string text) {
    if (answer.empty()) {
      findings.push_back(
          {Finding::Level::question, fmt::format("sync.answers.{}", key), std::move(text)});
    }
  };
  const auto seen = [&](auto&& predicate) {
    return std::any_of(clients.begin(), clients.end(), predicate) ? " (seen in use now)" : "";
  };
  ask(answers.listen, "listen",
      fmt::format("does the application use LISTEN{}? It does not work behind transaction pooling",
                  seen([](const DatabaseClient& client) { return client.listens; })));
  ask(answers.advisory_locks, "advisoryLocks",
      fmt::format("does it hold advisory locks across transactions{}?",
                  seen([](const DatabaseClient& client) { return client.advisory_locks > 0; })));
  ask(answers.temporary_tables, "temporaryTables",
      "does it use temporary tables across transactions?");
  ask(answers.workers, "workers",
      "are there workers or schedules that both APIs would run at the same time?");
  return findings;
}

}  // namespace crossover::sync
