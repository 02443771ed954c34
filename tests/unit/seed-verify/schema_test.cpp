#include "seed-verify/schema.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace crossover;
using flyway::History;
using flyway::Migration;

namespace {

Migration migration(const std::string& version, bool success) {
  Migration result;
  result.version = version;
  result.script = "sql/V" + version + "__x.sql";
  result.success = success;
  return result;
}

std::string checks(const std::optional<History>& history, const std::vector<std::string>& scripts) {
  cli::Result result("seed-verify", "check");
  seed_verify::tell_history(history, scripts, result);
  std::string text;
  const auto document = result.to_json();
  for (const auto& check : document["checks"]) {
    text += check["name"].get<std::string>() + "=" + check["outcome"].get<std::string>() + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("a history passes when every migration has succeeded and none is pending") {
  CHECK(checks(History{migration("1.0", true)}, {"V1.0__x.sql"}) == "flyway=pass ");
  CHECK(checks(std::nullopt, {}) == "flyway=fail ");
  CHECK(checks(History{migration("1.0", true), migration("1.1", false)}, {}) ==
        "migration sql/V1.1__x.sql=fail ");
  CHECK(checks(History{migration("1.0", true)}, {"V1.0__x.sql", "V1.1__y.sql"}) ==
        "migration V1.1__y.sql=fail ");
}

TEST_CASE("tables that only the new side has are named, but not Flyway's own") {
  sync::Catalogue old_side;
  sync::Catalogue new_side;
  const sync::TableName role{"public", "role"};
  const sync::TableName history{"public", "flyway_schema_history"};
  const sync::TableName extra{"public", "extra"};
  old_side.tables[role].table = role;
  for (const auto& table : {role, history, extra}) {
    new_side.tables[table].table = table;
  }
  CHECK(seed_verify::new_tables(old_side, new_side, history.text()) ==
        std::vector<std::string>{"public.extra"});
}
