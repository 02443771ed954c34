#include "db-provision/rollout.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace crossover::db_provision {
namespace {

using nlohmann::json;

json job(json status) {
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"metadata", {{"name", "flyway"}}},
          {"spec", {{"completions", 1}}},
          {"status", std::move(status)}};
}

TEST_CASE("a Job between two attempts has failed one, one that succeeded in the end has not") {
  CHECK(has_failed_attempt(job({{"failed", 1}})));
  CHECK(has_failed_attempt(job({{"failed", 1}, {"active", 1}})));
  CHECK_FALSE(has_failed_attempt(job({{"active", 1}})));
  CHECK_FALSE(
      has_failed_attempt(job({{"failed", 1},
                              {"succeeded", 1},
                              {"conditions", {{{"type", "Complete"}, {"status", "True"}}}}})));
}

}  // namespace
}  // namespace crossover::db_provision
