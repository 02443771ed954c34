#include "data-sync/plan.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using namespace crossover;
using nlohmann::json;

namespace {

json deployment(const std::string& database) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", "api"}, {"namespace", "n"}}},
          {"spec", {{"env", {{{"name", "DB"}, {"value", database}}}}}}};
}

data_sync::RehearsalFacts facts() {
  return {.migration = "m",
          .database = "crossover_rehearsal_m",
          .old_system = "1",
          .new_system = "2",
          .schema_sha256 = "s",
          .expected_bytes = 3 << 20};
}

cli::Plan plan(const data_sync::RehearsalFacts& about, bool writes = true) {
  config::EndpointCheck check;
  check.name = "create";
  check.method = "POST";
  check.path = "/things";
  check.writes = writes;
  return data_sync::plan_rehearsal(
      about, resources::ObjectSet("m", "rehearsal", {deployment("app_rehearsal")}), {check});
}

}  // namespace

TEST_CASE("the plan of a rehearsal names what is made, called and dropped, in this order") {
  const cli::Plan made = plan(facts());
  std::string steps;
  for (const cli::PlanStep& step : made.steps()) {
    steps += step.action + " " + step.object + "; ";
  }
  CHECK(steps ==
        "create database crossover_rehearsal_m; copy new database; apply deployment/api; "
        "call POST /things; delete deployment/api; drop database crossover_rehearsal_m; ");
}

TEST_CASE("a rehearsal is approved for its schema and its checks, not for a size") {
  data_sync::RehearsalFacts grown = facts();
  grown.expected_bytes *= 100;
  CHECK(plan(grown).sha256() == plan(facts()).sha256());
  data_sync::RehearsalFacts migrated = facts();
  migrated.schema_sha256 = "other";
  CHECK(plan(migrated).sha256() != plan(facts()).sha256());
  CHECK(plan(facts(), false).sha256() != plan(facts()).sha256());
}

TEST_CASE("an API that names no rehearsal entry is refused before anything is made") {
  CHECK_NOTHROW(data_sync::require_entry_named(
      {deployment("jdbc:postgresql://pooler/app_rehearsal?x=1")}, "app_rehearsal"));
  CHECK_THROWS_WITH(data_sync::require_entry_named({deployment("app_check")}, "app_rehearsal"),
                    "unable to rehearse: no object of 'provision.rehearsal' names the pooler's "
                    "entry 'app_rehearsal'");
}
