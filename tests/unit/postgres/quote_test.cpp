#include "postgres/quote.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace crossover;
using namespace crossover::postgres;

TEST_CASE("an identifier is always quoted, with its quotes doubled") {
  CHECK(quote_identifier("profile") == R"("profile")");
  CHECK(quote_identifier(R"(we"ird; DROP)") == R"("we""ird; DROP")");
  CHECK(quote_qualified("public", "Order") == R"("public"."Order")");
}

TEST_CASE("a literal means the same at any standard_conforming_strings") {
  CHECK(quote_literal("plain") == "'plain'");
  CHECK(quote_literal("it's") == "'it''s'");
  CHECK(quote_literal(R"(a\'b)") == R"( E'a\\''b')");
}

TEST_CASE("what SQL can't hold is refused") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(quote_identifier(""), Error,
                       Message("unable to quote '': an SQL name can't be empty"));
  CHECK_THROWS_MATCHES(quote_identifier(std::string_view("a\0b", 3)), Error,
                       Message("unable to quote 'SQL name': it holds a NUL"));
  CHECK_THROWS_MATCHES(quote_literal(std::string_view("a\0b", 3)), Error,
                       Message("unable to quote 'SQL string': it holds a NUL"));
}
