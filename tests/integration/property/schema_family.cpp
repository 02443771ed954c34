// Tables that inherit from others.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "integration/property/schema.h"

namespace crossover::test::property {
namespace {

// A parent's rows are seen through no partitions, and a child of hundreds of columns tells nothing
// that its parent does not.
bool can_inherit(const Table& from) { return from.partition_by.empty() && !from.wide; }

bool share_columns(const Table& left, const Table& right) {
  std::set<std::string> names;
  for (const Column& column : left.columns) {
    names.insert(column.name);
  }
  return std::any_of(right.columns.begin(), right.columns.end(),
                     [&](const Column& column) { return names.contains(column.name); });
}

// As a child has it: identities, keys and what they refer to are the parent's own.
Column inherited_column(Column column) {
  if (column.rest.ends_with("AS IDENTITY")) {
    column.rest = "NOT NULL";
    column.fill = Fill::key;
    column.counts = true;
    column.always = false;
  }
  return column;
}

void inherit(Table& child, Table& parent) {
  parent.has_children = true;
  child.parents.push_back(parent.name);
  for (const Column& column : parent.columns) {
    child.columns.push_back(inherited_column(column));
  }
  child.inherited = child.columns.size();
  child.skipped = child.skipped || parent.skipped;  // carried with all its parents or not at all
}

// Its own, the parent's columns as its own key, or none.
void draw_child_key(Random& random, Table& child, const Table& parent, int since, int number) {
  const int kind = random.below(100);
  if (kind < 55 && !parent.key.empty()) {
    child.key = parent.key;
  } else if (kind < 80) {
    add_key_column(random, child, fmt::format("Own Key {}", number), since);
  } else {
    return;
  }
  add_key_constraint(random, child, false);
}

}  // namespace

void draw_children(Random& random, std::vector<Table>& tables, int since) {
  if (!random.chance(30)) {
    return;
  }
  for (int left = random.between(1, 3); left > 0; --left) {
    const auto number = static_cast<int>(tables.size());
    Table& parent = tables[static_cast<std::size_t>(random.below(number))];
    Table& other = tables[static_cast<std::size_t>(random.below(number))];
    if (!can_inherit(parent)) {
      continue;
    }
    Table child = name_table(random, number);
    child.skipped = random.chance(10);
    inherit(child, parent);
    if (can_inherit(other) && !share_columns(child, other)) {
      inherit(child, other);
    }
    child.adopted = random.chance(30);
    draw_child_key(random, child, parent, since, number);
    child.columns.push_back(
        {.name = fmt::format("Own {}", number), .type = random.pick(types_for(since, false))});
    child.columns.back().nullable = child.columns.back().type->sql != "public.label";
    tables.push_back(std::move(child));
  }
}

}  // namespace crossover::test::property
