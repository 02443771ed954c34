#include "seed-verify/seed_rows.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using namespace crossover;
using nlohmann::json;
using seed_verify::parse_csv;

TEST_CASE("CSV gives rows by the names of its first line") {
  CHECK(parse_csv("name,note\r\nadmin,\"a, \"\"b\"\"\nc\"\r\nguest,\r\n", "s.csv") ==
        std::vector<json>{{{"name", "admin"}, {"note", "a, \"b\"\nc"}},
                          {{"name", "guest"}, {"note", nullptr}}});
  CHECK(parse_csv("name\n\"\"", "s.csv") == std::vector<json>{{{"name", ""}}});
  CHECK(parse_csv("name\n", "s.csv").empty());
}

TEST_CASE("broken CSV is refused with its line") {
  CHECK_THROWS_WITH(parse_csv("a,b\n1,2\n3\n", "s.csv"),
                    "unable to read 's.csv': s.csv:3: 1 fields, but 2 columns");
  CHECK_THROWS_WITH(parse_csv("a\n\"x", "s.csv"),
                    "unable to read 's.csv': s.csv:2: a quote is not closed");
  CHECK_THROWS_WITH(parse_csv("a,a\n", "s.csv"),
                    "unable to read 's.csv': s.csv:1: column 'a' is named twice");
  CHECK_THROWS_WITH(parse_csv("a\n\"x\"y\n", "s.csv"),
                    "unable to read 's.csv': s.csv:2: a quoted field is followed by text");
}

TEST_CASE("a row without the key is refused") {
  config::Seeds seeds;
  seeds.table = "public.role";
  seeds.key = {"name"};
  seeds.rows = {{{"id", 1}}};
  CHECK_THROWS_WITH(
      seed_verify::seed_rows(seeds),
      "unable to use the seeds of 'public.role': a row lacks column 'name' of the key");
}

TEST_CASE("values become parameters in their text form") {
  CHECK(seed_verify::parameter_text("a\"b") == "a\"b");
  CHECK(seed_verify::parameter_text(12) == "12");
  CHECK(seed_verify::parameter_text(true) == "true");
  CHECK(seed_verify::parameter_text({{"a", 1}}) == R"({"a":1})");
}
