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
  Table inherited = table("child");
  inherited.inherits = true;
  Table heap = table("heap");
  heap.unique_indexes.clear();
  heap.bytes = std::int64_t{1} << 40;
  Findings findings;
  select_tables(with({inherited, heap}), {}, "", findings);
  CHECK(
      errors(findings) ==
      std::vector<std::string>{
          "table public.child takes part in table inheritance, which can't be carried yet",
          "table public.heap has no primary key and no unique index over NOT NULL columns, and its "
          "1099511627776 bytes are over sync.keylessLimit (104857600): every change would copy it "
          "whole"});
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
