#include "sync/rights.h"

#include <fmt/format.h>

#include "postgres/quote.h"
#include "sync/array.h"

namespace crossover::sync {
namespace {

using postgres::quote_identifier;
using postgres::Rows;
using postgres::Session;

bool is_superuser(Session& session) {
  return session.query("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")
      .boolean(0, 0);
}

bool may_set_replication_role(Session& session) {
  return session.server_version() >= 150000 &&
         session
             .query(
                 "SELECT has_parameter_privilege(current_user, 'session_replication_role', "
                 "'SET')")
             .boolean(0, 0);
}

/// Owners whose rights the role has not, how many of the relations are theirs, and one of these.
Rows foreign_owners(Session& session, const std::vector<SyncedTable>& tables) {
  return session.query(
      "SELECT pg_get_userbyid(c.relowner), count(*), min(c.oid::regclass::text) "
      "FROM pg_catalog.pg_class c WHERE c.oid = ANY (SELECT to_regclass(n) FROM "
      "unnest($1::text[]) n) AND NOT pg_has_role(current_user, c.relowner, 'USAGE') "
      "GROUP BY 1 ORDER BY 1",
      {text_array(relation_names(tables))});
}

}  // namespace

Findings check_rights(Session& session, std::string_view side,
                      const std::vector<SyncedTable>& tables) {
  Findings findings;
  if (is_superuser(session)) {
    return findings;
  }
  const auto say = [&](Finding::Level level, std::string text) {
    findings.push_back({level, fmt::format("{} database", side), std::move(text)});
  };
  const std::string& role = session.options().user;
  const std::string quoted = quote_identifier(role);
  if (!may_set_replication_role(session)) {
    say(Finding::Level::error,
        session.server_version() >= 150000
            ? fmt::format("role '{}' may not set session_replication_role: GRANT SET ON PARAMETER "
                          "session_replication_role TO {}",
                          role, quoted)
            : fmt::format("role '{}' may not set session_replication_role: before PostgreSQL 15 "
                          "only a superuser may",
                          role));
  }
  if (!session.query("SELECT has_database_privilege(current_database(), 'CREATE')").boolean(0, 0)) {
    say(Finding::Level::error,
        fmt::format("role '{0}' may not create a schema in it: GRANT CREATE ON DATABASE {1} TO {2}",
                    role, quote_identifier(session.options().database), quoted));
  }
  if (!session.query("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
           .boolean(0, 0)) {
    say(Finding::Level::error,
        fmt::format("role '{0}' may not create temporary tables in it: GRANT TEMPORARY ON DATABASE "
                    "{1} TO {2}",
                    role, quote_identifier(session.options().database), quoted));
  }
  const Rows owners = foreign_owners(session, tables);
  for (std::size_t i = 0; i < owners.size(); ++i) {
    say(Finding::Level::error,
        fmt::format("role '{}' has not the rights of '{}', which owns {} of its relations ({}{}): "
                    "GRANT {} TO {}",
                    role, owners.text(i, 0), owners.int64(i, 1), owners.text(i, 2),
                    owners.int64(i, 1) > 1 ? ", ..." : "",
                    quote_identifier(std::string(owners.text(i, 0))), quoted));
  }
  if (!session.query("SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')")
           .boolean(0, 0)) {
    say(Finding::Level::warning,
        fmt::format("role '{0}' can't see what other sessions do, so long transactions are noticed "
                    "only when a lock is not to be had: GRANT pg_read_all_stats TO {1}",
                    role, quoted));
  }
  return findings;
}

}  // namespace crossover::sync
