#include "sync/copy.h"

#include <catch2/catch.hpp>

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
        std::vector<TableName>{person, role});
}

TEST_CASE("a table that a kept one references is not truncated, nor what that one references") {
  CHECK(truncatable({synced("role"), synced("person", Policy::merge)}, {{person, role}}).empty());
  CHECK(truncatable({synced("role"), synced("person"), synced("letter", Policy::merge)},
                    {{person, role}, {letter, person}})
            .empty());
  CHECK(truncatable({synced("role"), synced("person")}, {{person, role}, {letter, person}}) ==
        std::vector<TableName>{});
}

TEST_CASE("binary is used only where every type has one wire form in all versions") {
  SyncedTable role_table = synced("role");
  role_table.types = {"integer", "character varying(20)", "numeric(10,2)",
                      "timestamp(3) with time zone"};
  CHECK(binary_safe(role_table));
  role_table.types.emplace_back("public.state");
  CHECK_FALSE(binary_safe(role_table));
}
