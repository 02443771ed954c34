#include "sync/selection.h"

#include <catch2/catch.hpp>

#include "sync/compare.h"
#include "sync/seeds.h"

using namespace crossover;
using namespace crossover::sync;

namespace {

Table table(const std::string& name) {
  Table result;
  result.table = {"public", name};
  result.columns = {{.name = "id", .type = "integer", .not_null = true},
                    {.name = "name", .type = "text"}};
  result.unique_indexes = {{.name = name + "_pkey",
                            .columns = {"id"},
                            .primary = true,
                            .not_null = true,
                            .immediate = true}};
  return result;
}

Catalogue with(const std::vector<Table>& tables) {
  Catalogue catalogue;
  for (const Table& one : tables) {
    catalogue.tables.emplace(one.table, one);
  }
  return catalogue;
}

std::vector<std::string> errors(const Findings& findings) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) {
    if (finding.level == Finding::Level::error) {
      texts.push_back(finding.object + " " + finding.text);
    }
  }
  return texts;
}

}  // namespace

TEST_CASE("Flyway's history is never carried") {
  Findings findings;
  const auto tables = select_tables(with({table("flyway_schema_history"), table("role")}), {},
                                    "public.flyway_schema_history", findings);
  REQUIRE(tables.size() == 1);
  CHECK(tables[0].table.text() == "public.role");
  CHECK(tables[0].key == std::vector<std::string>{"id"});
  CHECK(errors(findings).empty());
}

TEST_CASE("a table whose key is generated can't be merged, since that column isn't carried") {
  Table one = table("role");
  one.columns[0].generated = 's';
  config::Sync settings;
  settings.tables["public.role"].policy = Policy::merge;
  Findings findings;
  select_tables(with({one}), settings, "", findings);
  CHECK(errors(findings) ==
        std::vector<std::string>{"table public.role has the generated column 'id' in its key, so "
                                 "its rows can't be merged"});
  findings.clear();
  const auto tables = select_tables(with({one}), {}, "", findings);
  CHECK(errors(findings).empty());
  CHECK(tables.at(0).key_types.at(0).type == "integer");
}

TEST_CASE("generated columns are not carried, identity columns are") {
  Table one = table("role");
  one.columns[0].identity = 'a';
  one.columns.push_back({.name = "twice", .type = "integer", .generated = 's'});
  Findings findings;
  const auto tables = select_tables(with({one}), {}, "", findings);
  CHECK(tables[0].columns == std::vector<std::string>{"id", "name"});
}

TEST_CASE("what can't be carried is an error, not left out") {
  Table heap = table("heap");
  heap.unique_indexes.clear();
  heap.bytes = std::int64_t{1} << 40;
  Findings findings;
  select_tables(with({heap}), {}, "", findings);
  CHECK(
      errors(findings) ==
      std::vector<std::string>{
          "table public.heap has no primary key and no unique index over NOT NULL columns, and its "
          "1099511627776 bytes are over sync.keylessLimit (104857600): every change would copy it "
          "whole"});
}

TEST_CASE("a generated column in a partitioned table's key makes it a table without one") {
  Table tree = table("tree");
  tree.kind = 'p';
  tree.columns.push_back({.name = "twice", .type = "integer", .generated = 's'});
  tree.unique_indexes[0].columns = {"id", "twice"};
  tree.bytes = std::int64_t{1} << 40;
  CHECK(row_identity(tree).empty());
  Findings findings;
  select_tables(with({tree}), {}, "", findings);
  CHECK(errors(findings) ==
        std::vector<std::string>{
            "table public.tree has a generated column in its key, which PostgreSQL does not always "
            "show to the triggers of a partitioned table, and its 1099511627776 bytes are over "
            "sync.keylessLimit (104857600): every change would copy it whole"});
  tree.kind = 'r';
  CHECK(row_identity(tree) == std::vector<std::string>{"id", "twice"});
}

TEST_CASE(
    "a table that inherits is carried by itself, row by row, with all that it inherits from") {
  Table parent = table("parent");
  parent.children = {{"public", "child"}};
  Table child = table("child");
  child.parents = {parent.table};
  Findings findings;
  SECTION("both") {
    const auto tables = select_tables(with({parent, child, table("role")}), {}, "", findings);
    CHECK(errors(findings).empty());
    REQUIRE(tables.size() == 3);
    CHECK(tables[0].shape == Shape::inheriting);
    CHECK(tables[0].only() == R"(ONLY "public"."child")");
    CHECK(tables[1].shape == Shape::inheriting);
    CHECK(tables[2].shape == Shape::plain);
  }
  SECTION("a parent without its child") {
    config::Sync settings;
    settings.tables["public.child"].policy = Policy::skip;
    CHECK(select_tables(with({parent, child}), settings, "", findings).size() == 1);
    CHECK(errors(findings).empty());
  }
  SECTION("a child without its parent") {
    config::Sync settings;
    settings.tables["public.parent"].policy = Policy::skip;
    select_tables(with({parent, child}), settings, "", findings);
    CHECK(errors(findings) ==
          std::vector<std::string>{
              "table public.child inherits from public.parent, which is not carried: statements "
              "that name that one would pass this one's gate; carry both or neither"});
  }
  SECTION("a child in a schema that is not carried") {
    parent.children.push_back({"archive", "child"});
    select_tables(with({parent, child}), {}, "", findings);
    CHECK(errors(findings) ==
          std::vector<std::string>{"table public.parent has the child table archive.child, whose "
                                   "schema is not in sync.schemas"});
  }
}

TEST_CASE("partitions follow their root, and are not left behind in another schema") {
  Table root = table("part");
  root.kind = 'p';
  root.children = {{"public", "part_1"}};
  Table part = table("part_1");
  part.partition = true;
  part.root = root.table;
  part.parents = {root.table};
  Findings findings;
  SECTION("all in one") {
    const auto tables = select_tables(with({root, part}), {}, "", findings);
    CHECK(errors(findings).empty());
    REQUIRE(tables.size() == 1);
    CHECK(tables[0].shape == Shape::partitioned);
    CHECK(tables[0].only() == R"("public"."part")");
    CHECK(tables[0].relations == std::vector<TableName>{root.table, part.table});
  }
  SECTION("a partition elsewhere") {
    root.children.push_back({"archive", "part_0"});
    select_tables(with({root, part}), {}, "", findings);
    CHECK(errors(findings) ==
          std::vector<std::string>{"table public.part has the partition archive.part_0, whose "
                                   "schema is not in sync.schemas"});
  }
  SECTION("a root elsewhere") {
    part.root = {"archive", "part"};
    part.parents = {*part.root};
    CHECK(select_tables(with({part}), {}, "", findings).empty());
    CHECK(errors(findings) ==
          std::vector<std::string>{"table public.part_1 is a partition of archive.part, whose "
                                   "schema is not in sync.schemas"});
  }
}

TEST_CASE("a policy for a table that does not exist is an error") {
  config::Sync settings;
  settings.tables["public.rloe"] = {};
  Findings findings;
  select_tables(with({table("role")}), settings, "", findings);
  CHECK(errors(findings) ==
        std::vector<std::string>{
            "table public.rloe is named in sync.tables but does not exist in the old database"});
}

TEST_CASE("structures that could lose or refuse rows are errors") {
  Findings findings;
  const Catalogue old_side = with({table("role")});
  const auto tables = select_tables(old_side, {}, "", findings);
  Table changed = table("role");
  SECTION("equal ones are fine") {
    CHECK(errors(compare_structure(old_side, with({changed}), tables)).empty());
  }
  SECTION("another type") {
    changed.columns[1].type = "character varying(5)";
    CHECK(
        errors(compare_structure(old_side, with({changed}), tables)) ==
        std::vector<std::string>{"table public.role column 'name' is text in the old and character "
                                 "varying(5) in the new database"});
  }
  SECTION("a column that only the new side has") {
    changed.columns.push_back({.name = "colour", .type = "text"});
    CHECK(errors(compare_structure(old_side, with({changed}), tables)) ==
          std::vector<std::string>{
              "table public.role column 'colour' exists in the new database only, "
              "so going back would lose it"});
  }
  SECTION("another parent") {
    changed.parents = {{"public", "thing"}};
    CHECK(errors(compare_structure(old_side, with({changed}), tables)) ==
          std::vector<std::string>{
              "table public.role inherits from public.thing in the new database only"});
  }
  SECTION("partitions that only the new side has") {
    changed.kind = 'p';
    changed.children = {{"public", "role_1"}};
    CHECK(errors(compare_structure(old_side, with({changed}), tables)) ==
          std::vector<std::string>{
              "table public.role has the partition public.role_1 in the new database only"});
  }
  SECTION("what changes the rows that are carried") {
    changed.interferers = {"rule keep"};
    CHECK(errors(compare_structure(old_side, with({changed}), tables)) ==
          std::vector<std::string>{
              "table public.role has the rule keep in the new database, which is enabled ALWAYS or "
              "REPLICA and so would change what is carried there: enable it as usual, or set the "
              "table's policy to skip"});
  }
  SECTION("a missing table") {
    CHECK(errors(compare_structure(old_side, with({}), tables)) ==
          std::vector<std::string>{"table public.role is missing in the new database"});
  }
}

TEST_CASE("the natural key is the configured one, else the first unique one besides the identity") {
  Table one = table("role");
  CHECK(natural_key_of(one, {}) == std::vector<std::string>{"id"});
  one.unique_indexes.push_back({.name = "role_name_key", .columns = {"name"}, .immediate = true});
  CHECK(natural_key_of(one, {}) == std::vector<std::string>{"name"});
  CHECK(natural_key_of(one, {"id", "name"}) == std::vector<std::string>{"id", "name"});
}
