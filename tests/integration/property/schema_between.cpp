// What concerns several tables of a schema, or one that has all of its columns.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "integration/property/schema.h"
#include "postgres/quote.h"

namespace crossover::test::property {
namespace {

Table& pick_table(Random& random, std::vector<Table>& tables) {
  return tables[static_cast<std::size_t>(random.below(static_cast<int>(tables.size())))];
}

bool can_refer(const Table& from, const Table& to) {
  return to.key.size() == 1 && !to.deferrable && to.persistence.empty() &&
         from.persistence.empty() && to.columns[to.key[0]].fill != Fill::server && !to.skipped;
}

void add_reference(Random& random, Table& from, const Table& to, const std::string& name) {
  static const std::vector<std::string> actions = {
      "",
      " ON DELETE CASCADE",
      " ON DELETE SET NULL",
      " ON UPDATE CASCADE ON DELETE CASCADE",
      " ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
      " DEFERRABLE INITIALLY DEFERRED",
  };
  const Column key = to.columns[to.key[0]];
  from.references.push_back({.column = from.columns.size(),
                             .to = to.name,
                             .to_column = key.name,
                             .actions = random.pick(actions)});
  from.columns.push_back({.name = name,
                          .type = key.type,
                          .fill = Fill::reference,
                          .counts = key.fill == Fill::sequence});
  if (key.type->sql == "public.label") {
    from.columns.back().nullable = false;
  }
}

// What the application says is more than it says: what is carried is what came of it.
void draw_rules(Random& random, Table& table) {
  const std::string column = postgres::quote_identifier(random.pick(table.columns).name);
  const auto also = [&](std::string_view event, std::string_view row) {
    return fmt::format(
        "CREATE RULE \"also {0}\" AS ON {0} TO {1} DO ALSO INSERT INTO public.audit (what) "
        "VALUES ('{0} ' || left(({2}.{3})::text, 60))",
        event, table.name, row, column);
  };
  if (random.chance(60)) {
    table.rules.push_back(also("INSERT", "NEW"));
  }
  if (random.chance(60)) {
    table.rules.push_back(also("UPDATE", "OLD"));
  }
  if (random.chance(60)) {
    table.rules.push_back(also("DELETE", "OLD"));
  }
  if (random.chance(30)) {
    table.rules.push_back(
        fmt::format("CREATE RULE never AS ON INSERT TO {} WHERE NEW.{} IS NULL DO INSTEAD NOTHING",
                    table.name, column));
  }
}

}  // namespace

void draw_references(Random& random, std::vector<Table>& tables) {
  const int count = random.below(5);
  for (int i = 0; i < count; ++i) {
    const Table& to = random.pick(tables);
    Table& from = pick_table(random, tables);
    if (can_refer(from, to)) {
      add_reference(random, from, to, fmt::format("Ref {}", i));
    }
  }
  // A table that is skipped is of interest for what it refers to.
  for (Table& from : tables) {
    for (const Table& to : tables) {
      if (from.skipped && from.references.empty() && can_refer(from, to)) {
        add_reference(random, from, to, "Ref");
      }
    }
  }
}

void draw_shared_sequence(Random& random, Schema& schema) {
  if (!random.chance(15)) {
    return;
  }
  static const auto& types = value_types();
  static const auto bigint = std::find_if(
      types.begin(), types.end(), [](const ValueType& type) { return type.sql == "bigint"; });
  const std::string name = "public.\"Shared\"";
  schema.sequences.push_back(name);
  for (int i = 0; i < 2; ++i) {
    schema.tables[static_cast<std::size_t>(i)].columns.push_back(
        {.name = "shared number",
         .type = &*bigint,
         .fill = Fill::server,
         .rest = fmt::format("DEFAULT nextval({}::regclass)", postgres::quote_literal(name))});
  }
}

void draw_skipped(Random& random, std::vector<Table>& tables) {
  if (tables.size() > 2 && random.chance(15)) {
    pick_table(random, tables).skipped = true;
  }
}

void draw_surroundings(Random& random, Table& table, int number) {
  // A view has no ctid, by which rows of a keyless table are found.
  if (!table.key.empty() && random.chance(15)) {
    table.view = table.schema + "." + postgres::quote_identifier(fmt::format("View {}", number));
  }
  table.row_security = random.chance(8);
  if (random.chance(12)) {
    draw_rules(random, table);
  }
}

void draw_layout(Random& random, Table& table) {
  table.lost_column = random.chance(15);
  if (!random.chance(25)) {
    return;
  }
  const std::size_t first = table.adopted ? 0 : table.inherited;
  std::vector<std::size_t> left(table.columns.size() - first);
  std::iota(left.begin(), left.end(), first);
  while (!left.empty()) {
    table.new_order.push_back(random.take(left));
  }
}

}  // namespace crossover::test::property
