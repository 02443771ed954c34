#include "sync/rights.h"

#include <fmt/format.h>

#include <algorithm>

#include "postgres/quote.h"
#include "sync/array.h"

namespace crossover::sync {
namespace {

using postgres::quote_identifier;
using postgres::Rows;
using postgres::Session;

constexpr int parameters_are_granted = 150000;
constexpr int memberships_inherit = 160000;
constexpr int views_are_maintained = 170000;

/// The relations that take part. By name, not by regclass, which needs USAGE on the schema.
constexpr std::string_view relations_sql = R"(
  WITH relation AS (
    SELECT c.oid, c.relkind, c.relowner, c.relnamespace, c.relforcerowsecurity,
           format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'm' AND c.relispopulated
       OR c.relkind IN ('r', 'p', 'f', 'S') AND (n.nspname, c.relname) IN
          (SELECT * FROM unnest($1::name[], $2::name[]))))";

class Rights {
 public:
  Rights(Session& session, std::string_view side, const std::vector<SyncedTable>& tables,
         const std::vector<TableName>& sequences)
      : session_(session), object_(fmt::format("{} database", side)) {
    std::vector<std::string> schemas;
    std::vector<std::string> names;
    const auto add = [&](const TableName& relation) {
      schemas.push_back(relation.schema);
      names.push_back(relation.name);
    };
    for (const SyncedTable& table : tables) {
      std::for_each(table.relations.begin(), table.relations.end(), add);
    }
    std::for_each(sequences.begin(), sequences.end(), add);
    relations_ = {text_array(schemas), text_array(names)};
    const Rows role = session_.query(
        "SELECT rolname, rolsuper, rolinherit FROM pg_catalog.pg_roles "
        "WHERE rolname = current_user");
    role_ = role.text(0, 0);
    quoted_ = quote_identifier(role_);
    superuser_ = role.boolean(0, 1);
    inherits_ = role.boolean(0, 2);
  }

  Findings check() {
    if (superuser_) {
      return {};
    }
    replication_role();
    database("CREATE", "create a schema in it");
    database("TEMPORARY", "create temporary tables in it");
    schemas();
    owners();
    privileges();
    row_security();
    statistics();
    return std::move(findings_);
  }

 private:
  void error(std::string_view lack, std::string_view remedy) {
    findings_.push_back(
        {Finding::Level::error, object_, fmt::format("role '{}' {}: {}", role_, lack, remedy)});
  }

  Rows relations(std::string_view query) {
    return session_.query(fmt::format("{} {}", relations_sql, query), relations_);
  }

  static std::string with_others(const Rows& rows, std::size_t row, std::size_t count) {
    return fmt::format("{}{}", rows.text(row, count + 1),
                       rows.int64(row, count) > 1 ? ", ..." : "");
  }

  // From 16 on each membership says whether its rights are inherited, and as it was granted, before
  // that the role does for all of them.
  std::string membership(const std::string& granted) {
    std::string grant = fmt::format("GRANT {} TO {}", quote_identifier(granted), quoted_);
    const bool member =
        session_.query("SELECT pg_has_role(current_user, $1::name, 'MEMBER')", {granted})
            .boolean(0, 0);
    if (session_.server_version() >= memberships_inherit) {
      return member || !inherits_ ? grant + " WITH INHERIT TRUE" : grant;
    }
    const std::string inherit = fmt::format("ALTER ROLE {} INHERIT", quoted_);
    if (inherits_) {
      return grant;
    }
    return member ? inherit : fmt::format("{}; {}", grant, inherit);
  }

  void replication_role() {
    const bool granted = session_.server_version() >= parameters_are_granted;
    if (!granted) {
      error("may not set session_replication_role", "before PostgreSQL 15 only a superuser may");
    } else if (!session_
                    .query("SELECT has_parameter_privilege(current_user, "
                           "'session_replication_role', 'SET')")
                    .boolean(0, 0)) {
      error("may not set session_replication_role",
            fmt::format("GRANT SET ON PARAMETER session_replication_role TO {}", quoted_));
    }
  }

  void database(const std::string& privilege, std::string_view what) {
    if (!session_.query("SELECT has_database_privilege(current_database(), $1)", {privilege})
             .boolean(0, 0)) {
      error(fmt::format("may not {}", what),
            fmt::format("GRANT {} ON DATABASE {} TO {}", privilege,
                        quote_identifier(session_.options().database), quoted_));
    }
  }

  // Those of the columns' types too, by which what is carried is cast.
  void schemas() {
    const Rows rows = relations(
        "SELECT nspname, quote_ident(nspname) FROM pg_namespace n WHERE n.oid IN "
        "(SELECT relnamespace FROM relation UNION SELECT t.typnamespace FROM relation "
        "JOIN pg_attribute a ON a.attrelid = relation.oid JOIN pg_type t ON t.oid = a.atttypid "
        "WHERE a.attnum > 0) AND NOT has_schema_privilege(n.oid, 'USAGE') ORDER BY 1");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      error(fmt::format("may not use schema '{}'", rows.text(i, 0)),
            fmt::format("GRANT USAGE ON SCHEMA {} TO {}", rows.text(i, 1), quoted_));
    }
  }

  // Of a sequence it is enough to read and to set it. PostgreSQL 18 gives NULL for the
  // value of one that may not be read, which would pass for one that was never used.
  void owners() {
    const Rows rows = relations(
        fmt::format("SELECT pg_get_userbyid(relowner), count(*), min(name) FROM relation "
                    "WHERE NOT pg_has_role(relowner, 'USAGE') AND CASE relkind "
                    "WHEN 'S' THEN NOT (has_sequence_privilege(oid, 'SELECT, USAGE') AND "
                    "has_sequence_privilege(oid, 'UPDATE')) WHEN 'm' THEN {} ELSE true END "
                    "GROUP BY 1 ORDER BY 1",
                    session_.server_version() >= views_are_maintained
                        ? "NOT has_table_privilege(oid, 'MAINTAIN')"
                        : "true"));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string owner(rows.text(i, 0));
      error(fmt::format("has not the rights of '{}', which owns {} of its relations ({})", owner,
                        rows.int64(i, 1), with_others(rows, i, 1)),
            membership(owner));
    }
  }

  // An owner may have taken them from itself.
  void privileges() {
    const Rows rows = relations(
        "SELECT lacks, count(*), string_agg(name, ', ' ORDER BY name) FROM "
        "(SELECT name, (SELECT string_agg(p, ', ' ORDER BY n) FROM unnest(ARRAY['SELECT', "
        "'INSERT', 'DELETE', 'TRUNCATE', 'TRIGGER']) WITH ORDINALITY u(p, n) "
        "WHERE NOT has_table_privilege(relation.oid, p)) AS lacks FROM relation "
        "WHERE relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')) AS lacking "
        "WHERE lacks IS NOT NULL GROUP BY 1 ORDER BY 1");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      error(fmt::format("may not {} on {} of its relations", rows.text(i, 0), rows.int64(i, 1)),
            fmt::format("GRANT {} ON {} TO {}", rows.text(i, 0), rows.text(i, 2), quoted_));
    }
  }

  // What does not bind the owner binds nobody with the owner's rights.
  void row_security() {
    const Rows rows = relations(
        "SELECT count(*), min(name) FROM relation WHERE relkind IN ('r', 'p') "
        "AND relforcerowsecurity AND row_security_active(oid)");
    if (rows.int64(0, 0) > 0) {
      error(fmt::format("is under the row security of {} of its relations ({}), which hides rows "
                        "from it",
                        rows.int64(0, 0), with_others(rows, 0, 0)),
            fmt::format("ALTER ROLE {} BYPASSRLS", quoted_));
    }
  }

  void statistics() {
    if (!session_.query("SELECT pg_has_role('pg_read_all_stats', 'USAGE')").boolean(0, 0)) {
      findings_.push_back(
          {Finding::Level::warning, object_,
           fmt::format("role '{}' can't see what other sessions do, so long transactions are "
                       "noticed only when a lock is not to be had: {}",
                       role_, membership("pg_read_all_stats"))});
    }
  }

  Session& session_;
  std::string object_;
  std::vector<postgres::Param> relations_;
  std::string role_;
  std::string quoted_;
  bool superuser_ = false;
  bool inherits_ = false;
  Findings findings_;
};

}  // namespace

Findings check_rights(Session& session, std::string_view side,
                      const std::vector<SyncedTable>& tables,
                      const std::vector<TableName>& sequences) {
  return Rights(session, side, tables, sequences).check();
}

}  // namespace crossover::sync
