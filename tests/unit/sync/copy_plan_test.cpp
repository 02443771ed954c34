#include "sync/copy_plan.h"

#include <catch2/catch.hpp>

#include "sync/table_sql.h"

using namespace crossover::sync;

namespace {

SyncedTable synced(const std::string& name, Policy policy = Policy::replace) {
  SyncedTable result;
  result.table = {"public", name};
  result.relations = {result.table};
  result.policy = policy;
  return result;
}

const TableName role{"public", "role"};
const TableName person{"public", "person"};
const TableName letter{"public", "letter"};

}  // namespace

TEST_CASE("tables that reference each other are emptied together") {
  CHECK(truncatable({synced("role"), synced("person")}, {{person, role}}) ==
        std::set<TableName>{person, role});
}

TEST_CASE("a table that a kept one references is not truncated, nor what that one references") {
  CHECK(truncatable({synced("role"), synced("person", Policy::merge)}, {{person, role}}).empty());
  CHECK(truncatable({synced("role"), synced("person"), synced("letter", Policy::merge)},
                    {{person, role}, {letter, person}})
            .empty());
  CHECK(truncatable({synced("role"), synced("person")}, {{person, role}, {letter, person}}) ==
        std::set<TableName>{});
}

TEST_CASE("tables are emptied in groups, those that reference each other in one") {
  SyncedTable part = synced("part");
  part.relations.push_back({"public", "part_1"});
  const std::vector<SyncedTable> tables = {synced("a"),      synced("b"),    synced("c"),     part,
                                           synced("person"), synced("role"), synced("letter")};
  std::set<TableName> all;
  for (const SyncedTable& table : tables) {
    all.insert(table.table);
  }
  const TableName a{"public", "a"};
  const TableName b{"public", "b"};
  const TableName c{"public", "c"};
  const auto groups = truncation_groups(
      all, tables, {{person, role}, {letter, person}, {{"public", "part_1"}, role}, {a, a}}, 2);
  CHECK(groups ==
        std::vector<std::vector<TableName>>{{a, b}, {c}, {letter, person, role, part.table}});
  CHECK(truncation_groups({}, tables, {}, 2).empty());
}

TEST_CASE("binary is used only where every type has one wire form in all versions") {
  SyncedTable role_table = synced("role");
  role_table.types = {"integer", "character varying(20)", "numeric(10,2)",
                      "timestamp(3) with time zone"};
  CHECK(binary_safe(role_table));
  role_table.types.emplace_back("public.state");
  CHECK_FALSE(binary_safe(role_table));
}

TEST_CASE("relations are cut into ranges of pages, the last of each open") {
  CHECK(split({{role, 0}, {person, 10}, {letter, 25}}, 10) ==
        std::vector<PageRange>{{role, 0, {}}, {person, 0, {}}, {letter, 0, 10}, {letter, 10, {}}});
  CHECK(split({{role, 15}}, 10) == std::vector<PageRange>{{role, 0, {}}});
  CHECK(split({{
                  role,
                  0,
              }},
              10)
            .front()
            .whole());
}

TEST_CASE("a range is read from one relation only, and reads all of its pages") {
  SyncedTable table = synced("letter");
  table.columns = {"id", "Text"};
  const TableName part{"public", "letter_2024"};
  CHECK(copy_range_sql(table, {part, 0, {}}) ==
        R"(COPY (SELECT "id", "Text" FROM ONLY "public"."letter_2024") TO STDOUT)");
  CHECK(
      copy_range_sql(table, {part, 0, 10}) ==
      R"(COPY (SELECT "id", "Text" FROM ONLY "public"."letter_2024" WHERE ctid < '(10,0)') TO STDOUT)");
  CHECK(
      copy_range_sql(table, {part, 10, 20}) ==
      R"(COPY (SELECT "id", "Text" FROM ONLY "public"."letter_2024" WHERE ctid >= '(10,0)' AND ctid < '(20,0)') TO STDOUT)");
  CHECK(
      copy_range_sql(table, {part, 20, {}}) ==
      R"(COPY (SELECT "id", "Text" FROM ONLY "public"."letter_2024" WHERE ctid >= '(20,0)') TO STDOUT)");
}
