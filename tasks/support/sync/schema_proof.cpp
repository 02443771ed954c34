#include "sync/schema_proof.h"

#include <fmt/format.h>

#include "sync/array.h"

namespace crossover::sync {
namespace {

using postgres::Rows;
using postgres::Session;

constexpr std::string_view statement_name = "schema_proof";

// The types that columns show, elements of arrays included: a type's name is a part of the
// fingerprint. What came with the server (oids below 16384) stays as it is.
constexpr std::string_view subjects_sql = R"(
  WITH relation AS MATERIALIZED (
    SELECT c.oid, c.relnamespace FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f')),
  shown AS MATERIALIZED (
    SELECT DISTINCT t.oid, t.typelem FROM relation JOIN pg_attribute a ON a.attrelid = relation.oid
    JOIN pg_type t ON t.oid = a.atttypid WHERE t.oid >= 16384),
  type AS MATERIALIZED (
    SELECT t.oid, t.typnamespace FROM pg_type t
    WHERE t.oid IN (SELECT oid FROM shown UNION SELECT typelem FROM shown))
  SELECT ARRAY(SELECT oid FROM relation), ARRAY(SELECT oid FROM type),
         ARRAY(SELECT relnamespace FROM relation UNION SELECT typnamespace FROM type))";

std::string sum_sql(std::string_view where) {
  return fmt::format(
      "(SELECT concat(count(*), ':', sum(hashint8extended(xmin::text::bigint, 0))) FROM {})",
      where);
}

std::string proof_sql() {
  return fmt::format(
      "SELECT concat_ws(' ', {}, {}, {}, {}, {}, {}, {})",
      sum_sql("pg_namespace WHERE oid = ANY ($3::oid[])"),
      sum_sql("pg_class WHERE relnamespace = ANY ($3::oid[]) AND relkind IN ('r', 'p', 'f')"),
      sum_sql("pg_attribute WHERE attrelid = ANY ($1::oid[]) AND attnum > 0"),
      sum_sql("pg_type WHERE oid = ANY ($2::oid[])"),
      sum_sql("pg_constraint WHERE conrelid = ANY ($1::oid[])"),
      sum_sql("pg_inherits WHERE inhrelid = ANY ($1::oid[]) OR inhparent = ANY ($1::oid[])"),
      sum_sql("pg_trigger WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal "
              "AND starts_with(tgname::text, 'crossover_capture_')"));
}

}  // namespace

SchemaProof::SchemaProof(Session& session, const std::vector<SyncedTable>& tables) {
  const Rows rows = session.query(subjects_sql, {text_array(relation_schemas(tables))});
  for (std::size_t i = 0; i < rows.columns(); ++i) {
    subjects_.push_back(rows.value(0, i));
  }
  first_ = session.query(proof_sql(), subjects_).text(0, 0);
}

void SchemaProof::prepare(Session& session) const {
  session.batch("SET plan_cache_mode = force_generic_plan");
  session.prepare(statement_name, proof_sql());
  session.execute_prepared(statement_name, subjects_);
}

bool SchemaProof::holds(Session& session) const {
  return session.execute_prepared(statement_name, subjects_).text(0, 0) == first_;
}

}  // namespace crossover::sync
