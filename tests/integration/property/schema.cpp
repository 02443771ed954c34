#include "integration/property/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "postgres/quote.h"

namespace crossover::test::property {

using postgres::quote_identifier;

namespace {

// What every case has: the writers' counters and tokens, and a table that only triggers write.
constexpr const char* fixed_sql = R"(
CREATE TABLE public.counter (id int PRIMARY KEY, value bigint NOT NULL DEFAULT 0);
INSERT INTO public.counter (id) SELECT generate_series(0, 9);
CREATE TABLE public.token (id bigserial PRIMARY KEY, writer int NOT NULL, token int NOT NULL);
CREATE TABLE public.audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text,
  at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN NEW.touched = clock_timestamp(); RETURN NEW; END';
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
  'BEGIN INSERT INTO public.audit (what) VALUES (TG_OP); RETURN NULL; END';
)";

constexpr const char* grants_sql = R"(
GRANT USAGE ON SCHEMA public, "Other Schema" TO writer;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public, "Other Schema"
  TO writer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public, "Other Schema" TO writer;
)";

std::string draw_sequence(Random& random, int number) {
  const std::string name = "public." + quote_identifier(fmt::format(
                                           "{} {}", random.chance(50) ? "Seq" : "s\"q", number));
  static const std::vector<std::string> kinds = {"",
                                                 "INCREMENT -3",
                                                 "CACHE 7",
                                                 "MINVALUE 1 MAXVALUE 9 CYCLE",
                                                 "AS smallint MAXVALUE 32767 START 32000",
                                                 "INCREMENT 10 START 5"};
  return name + " " + random.pick(kinds);
}

}  // namespace

std::string Column::draw(Random& random) const {
  switch (fill) {
    case Fill::sequence:
      return always || random.chance(85) ? "DEFAULT" : draw_existing(random);
    case Fill::any:
      return nullable && random.chance(15) ? "NULL" : type->any(random);
    case Fill::reference:
      return nullable && random.chance(30) ? "NULL" : draw_existing(random);
    default:
      return draw_existing(random);
  }
}

std::string Column::draw_existing(Random& random) const {
  switch (fill) {
    case Fill::sequence:
      return std::to_string(random.between(1, 2 * key_domain));
    case Fill::partition:
      return std::to_string(random.below(40));
    case Fill::key:
    case Fill::reference:
      if (counts) {
        return std::to_string(random.between(1, key_domain));
      }
      return type->key(random, random.below(key_domain));
    default:
      return type->any(random);
  }
}

std::string Table::schema_name() const {
  return schema.starts_with('"') ? schema.substr(1, schema.size() - 2) : schema;
}

std::string Table::column_sql(std::size_t position) const {
  const Column& column = columns[position];
  return fmt::format("{} {}{}{}", quote_identifier(column.name), column.type->sql,
                     column.type->collation.empty() ? "" : " COLLATE " + column.type->collation,
                     column.rest.empty() ? "" : " " + column.rest);
}

std::string Table::columns_sql(const std::vector<std::size_t>& order) const {
  std::string body;
  for (const std::size_t position : order) {
    body += (body.empty() ? "\n  " : ",\n  ") + column_sql(position);
  }
  return body;
}

// Of those that the statement names: what is inherited comes by itself, unless that was later.
std::vector<std::size_t> Table::order(sync::Side side) const {
  if (side == sync::Side::new_side && !new_order.empty()) {
    return new_order;
  }
  const std::size_t first = adopted ? 0 : inherited;
  std::vector<std::size_t> positions(columns.size() - first);
  std::iota(positions.begin(), positions.end(), first);
  if (adopted) {
    std::reverse(positions.begin(), positions.end());
  }
  return positions;
}

std::string Table::create_sql(sync::Side side) const {
  const bool loses = lost_column && side == sync::Side::old_side;
  std::vector<std::string> parts = {loses ? "\n  lost text" : "", columns_sql(order(side))};
  parts.insert(parts.end(), constraints.begin(), constraints.end());
  std::erase(parts, "");
  std::string sql;
  for (const std::string& statement : before) {
    sql += statement + ";\n";
  }
  sql += fmt::format(
      "CREATE {}TABLE {} ({}){}{};\n", persistence, name, fmt::join(parts, ", "),
      parents.empty() || adopted ? "" : fmt::format(" INHERITS ({})", fmt::join(parents, ", ")),
      partition_by);
  if (loses) {
    sql += fmt::format("ALTER TABLE {} DROP COLUMN lost;\n", name);
  }
  for (std::size_t i = 0; adopted && i < parents.size(); ++i) {
    sql += fmt::format("ALTER TABLE {} INHERIT {};\n", name, parents[i]);
  }
  if (!attached.name.empty()) {
    std::vector<std::size_t> other_way = order(side);
    std::reverse(other_way.begin(), other_way.end());
    sql += fmt::format("CREATE TABLE {0} ({1});\nALTER TABLE {2} ATTACH PARTITION {0} {3};\n",
                       attached.name, columns_sql(other_way), name, attached.bounds);
  }
  for (const std::string& statement : later) {
    sql += statement + ";\n";
  }
  return sql;
}

std::string Table::references_sql() const {
  std::string sql;
  for (const ForeignKey& reference : references) {
    sql += fmt::format("ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} ({}){};\n", name,
                       quote_identifier(columns[reference.column].name), reference.to,
                       quote_identifier(reference.to_column), reference.actions);
  }
  return sql;
}

std::string Table::surroundings_sql() const {
  std::string sql;
  if (!view.empty()) {
    sql += fmt::format("CREATE VIEW {} AS SELECT * FROM {};\n", view, name);
  }
  if (row_security) {
    sql += fmt::format(
        "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY;\n"
        "CREATE POLICY all_rows ON {0} TO writer USING (true) WITH CHECK (true);\n",
        name);
  }
  for (const std::string& rule : rules) {
    sql += rule + ";\n";
  }
  return sql;
}

std::string Schema::sql(sync::Side side) const {
  std::string text = fixed_sql;
  for (const std::string& sequence : sequences) {
    text += "CREATE SEQUENCE " + sequence + ";\n";
  }
  for (const Table& table : tables) {
    text += table.create_sql(side);
  }
  for (const Table& table : tables) {
    text += table.references_sql();
  }
  for (const Table& table : tables) {
    text += table.surroundings_sql();
  }
  return text + more + grants_sql;
}

Schema draw_schema(Random& random, int since) {
  Schema schema;
  schema.since = since;
  const int sequences = random.below(3);
  for (int i = 0; i < sequences; ++i) {
    schema.sequences.push_back(draw_sequence(random, i));
  }
  const int tables = random.between(2, 6);
  for (int i = 0; i < tables; ++i) {
    schema.tables.push_back(draw_table(random, since, i));
  }
  draw_shared_sequence(random, schema);
  draw_skipped(random, schema.tables);
  draw_references(random, schema.tables);
  draw_children(random, schema.tables, since);
  int number = 0;
  for (Table& table : schema.tables) {
    draw_surroundings(random, table, number++);
    draw_layout(random, table);
  }
  return schema;
}

}  // namespace crossover::test::property
