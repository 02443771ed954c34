#include "document/nearest.h"

#include <catch2/catch.hpp>

using crossover::document::did_you_mean;
using crossover::document::edit_distance;
using crossover::document::nearest;

TEST_CASE("edit distance counts edits and swaps of neighbours") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("tables", "tabels") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest name is suggested only when it is near") {
  const std::vector<std::string> names{"tables", "workers", "lock_timeout"};
  CHECK(nearest("tabels", names) == "tables");
  CHECK(nearest("lock-timeout", names) == "lock_timeout");
  CHECK(nearest("WORKERS", names) == "workers");
  CHECK_FALSE(nearest("schema", names));
  CHECK_FALSE(nearest("", names));
  CHECK(did_you_mean("tabels", names) == "did you mean 'tables'?");
  CHECK(did_you_mean("schema", names) == "valid: tables, workers, lock_timeout");
  CHECK(did_you_mean("x", {}).empty());
}
