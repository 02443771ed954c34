#include "sync/access.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

TableName relation_of(const Rows& rows, std::size_t row) {
  return {std::string(rows.text(row, 0)), std::string(rows.text(row, 1))};
}

void read_grants(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows grants = session.query(R"(
    SELECT nspname, relname, relkind = 'S',
           coalesce(nullif(pg_get_userbyid(x.grantee), 'unknown (OID=0)'), 'PUBLIC')
             || ': ' || x.privilege_type || coalesce(' (' || attname || ')', '')
    FROM (SELECT n.nspname, c.relname, c.relkind, c.relowner, NULL AS attname, c.relacl AS acl
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          UNION ALL
          SELECT n.nspname, c.relname, c.relkind, c.relowner, a.attname, a.attacl
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL) AS given
    CROSS JOIN LATERAL aclexplode(acl) x
    WHERE nspname = ANY ($1::text[]) AND relkind IN ('r', 'p', 'f', 'S') AND x.grantee <> relowner
    ORDER BY 1, 2, 4)",
                                    {schemas});
  for (std::size_t i = 0; i < grants.size(); ++i) {
    const TableName name = relation_of(grants, i);
    (grants.boolean(i, 2) ? catalogue.sequences.at(name).grants : catalogue.tables.at(name).grants)
        .emplace_back(grants.text(i, 3));
  }
}

void read_policies(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows policies = session.query(R"(
    SELECT n.nspname, c.relname,
           concat(p.polname, CASE WHEN p.polpermissive THEN ' AS PERMISSIVE' ELSE ' AS RESTRICTIVE' END,
                  ' FOR ', p.polcmd, ' TO ',
                  (SELECT string_agg(coalesce(r.rolname, 'PUBLIC'), ', ' ORDER BY r.rolname)
                   FROM unnest(p.polroles) o LEFT JOIN pg_roles r ON r.oid = o),
                  ' USING ', pg_get_expr(p.polqual, p.polrelid),
                  ' WITH CHECK ', pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy p
    JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p')
    ORDER BY 1, 2, p.polname)",
                                      {schemas});
  for (std::size_t i = 0; i < policies.size(); ++i) {
    catalogue.tables.at(relation_of(policies, i)).policies.emplace_back(policies.text(i, 2));
  }
}

}  // namespace

void read_access(Session& session, const std::string& schemas, Catalogue& catalogue) {
  read_grants(session, schemas, catalogue);
  read_policies(session, schemas, catalogue);
}

}  // namespace crossover::sync
