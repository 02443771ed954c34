#include "sync/array.h"

#include <catch2/catch.hpp>
#include <stdexcept>

using namespace crossover::sync;

TEST_CASE("an array's text form comes back as it was") {
  const std::vector<std::string> values = {"",        "a",           "a,b",  "{x}",
                                           "quo\"te", "back\\slash", "NULL", " s "};
  CHECK(parse_text_array(text_array(values)) == values);
  CHECK(text_array({}) == "{}");
  CHECK(parse_text_array("{}").empty());
}

TEST_CASE("what the server leaves unquoted is read too") {
  CHECK(parse_text_array("{a,b c,NULL}") == std::vector<std::string>{"a", "b c", ""});
}

TEST_CASE("a malformed array is refused") {
  CHECK_THROWS_AS(parse_text_array("a,b"), std::invalid_argument);
  CHECK_THROWS_AS(parse_text_array("{\"a"), std::invalid_argument);
  CHECK_THROWS_AS(parse_text_array("{a"), std::invalid_argument);
}
