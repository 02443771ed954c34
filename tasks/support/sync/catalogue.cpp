#include "sync/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "sync/access.h"
#include "sync/array.h"

namespace crossover::sync {
namespace {

using postgres::Param;
using postgres::Rows;
using postgres::Session;

char letter(const Rows& rows, std::size_t row, std::size_t column) {
  const std::string_view text = rows.text(row, column);
  return text.empty() ? ' ' : text.front();
}

TableName table_name(const Rows& rows, std::size_t row, std::size_t column) {
  return {std::string(rows.text(row, column)), std::string(rows.text(row, column + 1))};
}

void require_schemas(Session& session, const std::vector<std::string>& schemas) {
  const Rows rows = session.query(
      "SELECT s FROM unnest($1::text[]) s WHERE s NOT IN (SELECT nspname FROM pg_namespace)",
      {text_array(schemas)});
  if (!rows.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to read schema '{}': it does not exist in database '{}'",
                            rows.text(0, 0), session.options().database),
                "correct sync.schemas in crossover.yaml, or let Flyway build the schema first");
  }
}

void read_tables(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows rows = session.query(R"(
    SELECT n.nspname, c.relname, c.oid, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner),
           c.relispartition,
           c.relrowsecurity,
           EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                   AND d.objid = c.oid AND d.deptype = 'e'),
           greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid),
           rn.nspname, rc.relname, c.relforcerowsecurity
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class rc ON c.relispartition AND rc.oid = pg_partition_root(c.oid)
    LEFT JOIN pg_namespace rn ON rn.oid = rc.relnamespace
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f'))",
                                  {schemas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Table table;
    table.table = table_name(rows, i, 0);
    table.oid = static_cast<std::uint32_t>(rows.int64(i, 2));
    table.kind = letter(rows, i, 3);
    table.persistence = letter(rows, i, 4);
    table.owner = rows.text(i, 5);
    table.partition = rows.boolean(i, 6);
    table.row_security = rows.boolean(i, 7);
    table.extension_owned = rows.boolean(i, 8);
    table.estimated_rows = rows.int64(i, 9);
    table.bytes = rows.int64(i, 10);
    if (!rows.is_null(i, 11)) {
      table.root = table_name(rows, i, 11);
    }
    table.row_security_forced = rows.boolean(i, 13);
    catalogue.tables.emplace(table.table, std::move(table));
  }
}

void read_inheritance(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows rows = session.query(R"(
    SELECT n.nspname, c.relname, pn.nspname, p.relname
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE (n.nspname = ANY ($1::text[]) OR pn.nspname = ANY ($1::text[]))
      AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
    ORDER BY 1, 2, 3, 4)",
                                  {schemas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const TableName child = table_name(rows, i, 0);
    const TableName parent = table_name(rows, i, 2);
    if (const auto found = catalogue.tables.find(child); found != catalogue.tables.end()) {
      found->second.parents.push_back(parent);
    }
    if (const auto found = catalogue.tables.find(parent); found != catalogue.tables.end()) {
      found->second.children.push_back(child);
    }
  }
}

// What does not follow the table costs once, not for each column: the equality of each type, and
// the table's own names, all of which pg_get_expr compares with one another where it is told of the
// table. Only what generates a column can name others.
void read_columns(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows rows = session.query(R"(
    WITH equality AS MATERIALIZED (
      SELECT oc.opcintype AS type,
             CASE WHEN opn.nspname = 'pg_catalog' THEN op.oprname::text
                  ELSE format('OPERATOR(%I.%s)', opn.nspname, op.oprname) END AS name
      FROM pg_opclass oc
      JOIN pg_am am ON am.oid = oc.opcmethod AND am.amname = 'btree'
      JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype
           AND ao.amoprighttype = oc.opcintype AND ao.amopstrategy = 3
      JOIN pg_operator op ON op.oid = ao.amopopr
      JOIN pg_namespace opn ON opn.oid = op.oprnamespace
      WHERE oc.opcdefault)
    SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation <> t.typcollation
                THEN (SELECT quote_ident(cn.nspname) || '.' || quote_ident(collname)
                      FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
                      WHERE co.oid = a.attcollation) END,
           pg_get_expr(d.adbin, CASE WHEN a.attgenerated = '' THEN 0 ELSE d.adrelid END),
           a.attnotnull, a.attidentity, a.attgenerated, equality.name
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN equality
         ON equality.type = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f')
      AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY 1, 2, a.attnum)",
                                  {schemas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Column column;
    column.name = rows.text(i, 2);
    column.type = rows.text(i, 3);
    column.collation = rows.text(i, 4);
    column.expression = rows.text(i, 5);
    column.not_null = rows.boolean(i, 6);
    column.identity = letter(rows, i, 7);
    column.generated = letter(rows, i, 8);
    if (!rows.is_null(i, 9)) {
      column.equals = rows.text(i, 9);
    }
    catalogue.tables.at(table_name(rows, i, 0)).columns.push_back(std::move(column));
  }
}

void read_constraints(Session& session, const std::string& schemas, Catalogue& catalogue) {
  // contype 'n' (NOT NULL as a constraint, from 18 on) is already told by attnotnull, 't' is
  // internal.
  const Rows rows = session.query(R"(
    SELECT n.nspname, c.relname, co.conname, co.contype, pg_get_constraintdef(co.oid),
           fn.nspname, fc.relname,
           ARRAY(SELECT a.attname FROM unnest(co.conkey) WITH ORDINALITY k(attnum, position)
                 JOIN pg_attribute a ON a.attrelid = co.conrelid AND a.attnum = k.attnum
                 ORDER BY k.position),
           ARRAY(SELECT a.attname FROM unnest(co.confkey) WITH ORDINALITY k(attnum, position)
                 JOIN pg_attribute a ON a.attrelid = co.confrelid AND a.attnum = k.attnum
                 ORDER BY k.position)
    FROM pg_constraint co
    JOIN pg_class c ON c.oid = co.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class fc ON fc.oid = co.confrelid
    LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f')
      AND co.contype IN ('p', 'u', 'f', 'c', 'x')
    ORDER BY 1, 2, 3)",
                                  {schemas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Constraint constraint;
    constraint.name = rows.text(i, 2);
    constraint.type = letter(rows, i, 3);
    constraint.definition = rows.text(i, 4);
    if (!rows.is_null(i, 5)) {
      constraint.references = table_name(rows, i, 5);
    }
    constraint.columns = parse_text_array(rows.text(i, 7));
    constraint.referenced_columns = parse_text_array(rows.text(i, 8));
    catalogue.tables.at(table_name(rows, i, 0)).constraints.push_back(std::move(constraint));
  }
}

void read_unique_indexes(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows rows = session.query(R"(
    SELECT n.nspname, c.relname, ic.relname, i.indisprimary, i.indimmediate,
           (SELECT bool_and(a.attnotnull) FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k(attnum)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum),
           ARRAY(SELECT a.attname
                 FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, position)
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                 ORDER BY k.position),
           coalesce((to_jsonb(i)->>'indnullsnotdistinct')::boolean, false)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_class ic ON ic.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p')
      AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    ORDER BY 1, 2, 3)",
                                  {schemas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    UniqueIndex index;
    index.name = rows.text(i, 2);
    index.primary = rows.boolean(i, 3);
    index.immediate = rows.boolean(i, 4);
    index.not_null = rows.boolean(i, 5);
    index.columns = parse_text_array(rows.text(i, 6));
    index.nulls_equal = rows.boolean(i, 7);
    catalogue.tables.at(table_name(rows, i, 0)).unique_indexes.push_back(std::move(index));
  }
}

// Our sessions insert, delete and truncate. A partition's rules are for statements that name it,
// which ours don't. A foreign key whose triggers a superuser has enabled ALWAYS would cascade what
// is carried to rows that must stay.
void read_triggers_and_rules(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows triggers = session.query(R"(
    SELECT n.nspname, c.relname, concat(pg_get_triggerdef(t.oid), ' [', t.tgenabled, ']'),
           CASE WHEN t.tgenabled IN ('A', 'R') AND (t.tgtype & 44) <> 0
                THEN coalesce('trigger of the foreign key ' || k.conname, 'trigger ' || t.tgname)
           END, t.tgisinternal
    FROM pg_trigger t
    LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint AND k.contype = 'f'
    JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f')
      AND (NOT t.tgisinternal OR k.oid IS NOT NULL)
      AND p.pronamespace IS DISTINCT FROM
          (SELECT oid FROM pg_namespace WHERE nspname = 'crossover')
    ORDER BY 1, 2, t.tgname)",
                                      {schemas});
  for (std::size_t i = 0; i < triggers.size(); ++i) {
    Table& table = catalogue.tables.at(table_name(triggers, i, 0));
    if (!triggers.boolean(i, 4)) {
      table.triggers.emplace_back(triggers.text(i, 2));
    }
    // A foreign key has one for each end and event.
    if (!triggers.is_null(i, 3) &&
        std::ranges::count(table.interferers, triggers.text(i, 3)) == 0) {
      table.interferers.emplace_back(triggers.text(i, 3));
    }
  }
  const Rows rules = session.query(R"(
    SELECT n.nspname, c.relname, concat(pg_get_ruledef(r.oid), ' [', r.ev_enabled, ']'),
           CASE WHEN r.ev_enabled IN ('A', 'R') AND r.ev_type IN ('3', '4') AND NOT c.relispartition
                THEN 'rule ' || r.rulename END
    FROM pg_rewrite r
    JOIN pg_class c ON c.oid = r.ev_class
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'f')
    ORDER BY 1, 2, r.rulename)",
                                   {schemas});
  for (std::size_t i = 0; i < rules.size(); ++i) {
    Table& table = catalogue.tables.at(table_name(rules, i, 0));
    table.rules.emplace_back(rules.text(i, 2));
    if (!rules.is_null(i, 3)) {
      table.interferers.emplace_back(rules.text(i, 3));
    }
  }
}

void read_sequences(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows rows = session.query(R"(
    SELECT n.nspname, c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
           s.seqmin, s.seqmax, s.seqcycle, tn.nspname, tc.relname, a.attname
    FROM pg_sequence s
    JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
         AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_class tc ON tc.oid = d.refobjid
    LEFT JOIN pg_namespace tn ON tn.oid = tc.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE n.nspname = ANY ($1::text[]))",
                                  {schemas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Sequence sequence;
    sequence.sequence = table_name(rows, i, 0);
    sequence.type = rows.text(i, 2);
    sequence.start = rows.int64(i, 3);
    sequence.increment = rows.int64(i, 4);
    sequence.minimum = rows.int64(i, 5);
    sequence.maximum = rows.int64(i, 6);
    sequence.cycle = rows.boolean(i, 7);
    if (!rows.is_null(i, 8)) {
      sequence.owner_table = table_name(rows, i, 8);
      sequence.owner_column = rows.text(i, 10);
    }
    catalogue.sequences.emplace(sequence.sequence, std::move(sequence));
  }
}

void read_types(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows rows = session.query(R"(
    SELECT n.nspname || '.' || t.typname, CASE t.typtype
      WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
                               FROM pg_enum WHERE enumtypid = t.oid)
      WHEN 'd' THEN 'domain ' || format_type(t.typbasetype, t.typtypmod)
                    || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
                    || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(oid), '' ORDER BY conname)
                                 FROM pg_constraint WHERE contypid = t.oid AND contype = 'c'), '')
      ELSE 'composite ' || (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod),
                                              ', ' ORDER BY a.attnum)
                            FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0
                              AND NOT a.attisdropped) END
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE n.nspname = ANY ($1::text[]) AND (t.typtype IN ('e', 'd') OR c.relkind = 'c')
    ORDER BY 1)",
                                  {schemas});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    catalogue.types.emplace(rows.text(i, 0), rows.text(i, 1));
  }
}

void read_database(Session& session, const std::string& schemas, Catalogue& catalogue) {
  const Rows facts = session.query(R"(
    SELECT current_database(), pg_encoding_to_char(encoding), datcollate,
           (SELECT count(*) FROM pg_largeobject_metadata)
    FROM pg_database WHERE datname = current_database())");
  catalogue.server_version = session.server_version();
  catalogue.database = facts.text(0, 0);
  catalogue.encoding = facts.text(0, 1);
  catalogue.collate = facts.text(0, 2);
  catalogue.large_objects = facts.int64(0, 3);
  const Rows prepared = session.query(
      "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1");
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    catalogue.prepared_transactions.emplace_back(prepared.text(i, 0));
  }
  const Rows extensions =
      session.query("SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql'");
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    catalogue.extensions.emplace(extensions.text(i, 0), extensions.text(i, 1));
  }
  const Rows settings = session.query(R"(
    SELECT coalesce('role ' || r.rolname, 'database'), unnest(s.setconfig)
    FROM pg_db_role_setting s
    LEFT JOIN pg_roles r ON r.oid = s.setrole
    LEFT JOIN pg_database d ON d.oid = s.setdatabase
    WHERE s.setdatabase = 0 OR d.datname = current_database() ORDER BY 1, 2)");
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const std::string_view text = settings.text(i, 1);
    const auto equals = text.find('=');
    catalogue.settings.emplace(fmt::format("{} {}", settings.text(i, 0), text.substr(0, equals)),
                               std::string(text.substr(equals + 1)));
  }
  const Rows views = session.query(R"(
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY ($1::text[]) AND c.relkind = 'm' ORDER BY c.oid)",
                                   {schemas});
  for (std::size_t i = 0; i < views.size(); ++i) {
    catalogue.views.emplace_back(views.text(i, 0));
  }
}

}  // namespace

const Column* Table::column(const std::string& name) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

Catalogue read_catalogue(Session& session, const std::vector<std::string>& schemas) {
  require_schemas(session, schemas);
  Catalogue catalogue;
  const std::string list = text_array(schemas);
  read_database(session, list, catalogue);
  read_tables(session, list, catalogue);
  read_inheritance(session, list, catalogue);
  read_columns(session, list, catalogue);
  read_constraints(session, list, catalogue);
  read_unique_indexes(session, list, catalogue);
  read_triggers_and_rules(session, list, catalogue);
  read_sequences(session, list, catalogue);
  read_access(session, list, catalogue);
  read_types(session, list, catalogue);
  return catalogue;
}

namespace {

// Where a row goes to a partition whose columns stand in another order, the server shows triggers
// the row as it was before its generated columns were computed: they are NULL.
bool shown_to_triggers(const Table& table, const UniqueIndex& index) {
  return table.kind != 'p' ||
         std::all_of(index.columns.begin(), index.columns.end(),
                     [&](const std::string& name) { return table.column(name)->generated == ' '; });
}

}  // namespace

std::vector<std::string> row_identity(const Table& table) {
  const UniqueIndex* best = nullptr;
  for (const UniqueIndex& index : table.unique_indexes) {
    if (!shown_to_triggers(table, index)) {
      continue;
    }
    if (index.primary) {
      return index.columns;
    }
    if (index.not_null && index.immediate &&
        (best == nullptr || index.columns.size() < best->columns.size())) {
      best = &index;
    }
  }
  return best == nullptr ? std::vector<std::string>{} : best->columns;
}

std::string interference(const std::string& interferer, std::string_view side) {
  return fmt::format(
      "has the {} in the {} database, which is enabled ALWAYS or REPLICA and so would change what "
      "is carried there: enable it as usual, or set the table's policy to skip",
      interferer, side);
}

const Sequence* counterpart(const Sequence& sequence, const Catalogue& other) {
  if (const auto same = other.sequences.find(sequence.sequence); same != other.sequences.end()) {
    return &same->second;
  }
  if (!sequence.owner_table) {
    return nullptr;
  }
  for (const auto& [name, candidate] : other.sequences) {
    if (candidate.owner_table == sequence.owner_table &&
        candidate.owner_column == sequence.owner_column) {
      return &candidate;
    }
  }
  return nullptr;
}

}  // namespace crossover::sync
