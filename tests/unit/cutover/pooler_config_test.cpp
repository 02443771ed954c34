#include "cutover/pooler_config.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cutover/rehearsal_entry.h"

namespace crossover::cutover {
namespace {

PoolerSpec spec() {
  PoolerSpec result;
  result.migration = "it's";
  result.entry = "app";
  result.old_server.target = {"old", 5432, "app"};
  result.new_server.target = {"new", 5433, "app"};
  return result;
}

std::string line(const std::string& file, const std::string& entry) {
  const std::size_t at = file.find("\n" + entry + " = ");
  return at == std::string::npos ? "" : file.substr(at + 1, file.find('\n', at + 1) - at - 1);
}

TEST_CASE("every file of a pooler has one rehearsal entry, to a database of its own") {
  const std::string wanted =
      "app_rehearsal = host='new' port=5433 dbname='crossover_rehearsal_it''s' connect_query='" +
      std::string(
          "SELECT CASE WHEN pg_catalog.current_database() = "
          "''crossover_rehearsal_it''''s'' THEN pg_catalog.pg_advisory_lock_shared(") +
      std::to_string(rehearsal_mark("it's")) +
      ")::text ELSE pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())::text END'";
  for (const auto& [name, text] : pooler_files(spec())) {
    CAPTURE(name);
    CHECK(line(text, "app_rehearsal") == wanted);
    CHECK(line(text, "app_check") == "app_check = host='new' port=5433 dbname='app'");
  }
  CHECK(line(pooler_files(spec())["start.ini"], "app").empty());
}

TEST_CASE("a rehearsal's database has a name that PostgreSQL keeps whole") {
  CHECK(rehearsal_database("registry") == "crossover_rehearsal_registry");
  CHECK(rehearsal_database(std::string(100, 'x')).size() == 63);
  CHECK(rehearsal_mark("a") != rehearsal_mark("b"));
}

}  // namespace
}  // namespace crossover::cutover
