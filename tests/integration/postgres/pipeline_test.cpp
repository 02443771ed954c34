// Several statements in one round trip, on real servers; what fails in one is in session_test.cpp.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "fixtures/error_of.h"
#include "fixtures/memory.h"
#include "fixtures/postgres/server.h"
#include "postgres/session.h"

using namespace crossover;
using namespace crossover::test;
using postgres::Session;

TEST_CASE("of a pipeline's bounded answers those that fit are kept") {
  PostgresServer server(15);
  Session session = server.connect();
  const auto rows = [](int count, bool bounded) {
    return postgres::Statement{
        .sql = "SELECT i, NULL, repeat('x', 1000) FROM generate_series(1, $1::int) i",
        .params = {std::to_string(count)},
        .bounded = bounded};
  };
  const auto results = session.pipeline(
      {rows(100, false), rows(20, true), rows(50, true), rows(20, true), rows(0, true)}, 50000);
  REQUIRE(results.size() == 5);
  CHECK(results[0].size() == 100);
  for (const int kept : {1, 3}) {
    REQUIRE(results[kept].size() == 20);
    CHECK(results[kept].int64(19, 0) == 20);
    CHECK(results[kept].is_null(19, 1));
    CHECK(results[kept].text(19, 2) == std::string(1000, 'x'));
    CHECK(results[kept].left_out() == 0);
    CHECK(results[kept].bytes() > 20000);
    CHECK(results[kept].column_name(2) == "repeat");
  }
  CHECK(results[2].empty());
  CHECK(results[2].bytes() == 0);
  CHECK(results[2].left_out() > 50000);
  CHECK(results[4].empty());
  CHECK(results[4].left_out() == 0);
  const Error error = error_of([&] {
    session.pipeline(
        {rows(20, true), {.sql = "SELECT 1/(3 - i) FROM generate_series(1, 3) i", .bounded = true}},
        50000);
  });
  CHECK(error.text() ==
        "statement 2: unable to run a statement on '" + session.name() + "': division by zero");
  CHECK(session.query("SELECT 1").int64(0, 0) == 1);
}

TEST_CASE("what the server answers early is not held while much is sent") {
  PostgresServer server(15);
  Session session = server.connect();
  // Each is answered with much more than it takes to ask, and all of it is left out.
  const postgres::Statement wide{.sql = "SELECT $1, $2::int FROM generate_series(1, 25)",
                                 .params = {std::string(200000, 'x'), "1"},
                                 .bounded = true};
  std::vector<postgres::Statement> statements(100, wide);
  statements.push_back({.sql = "SELECT 7"});
  std::vector<postgres::Rows> results;
  CHECK(growth([&] { results = session.pipeline(statements, 1000); }) < 32 * mebibyte);
  REQUIRE(results.size() == 101);
  CHECK(results[99].empty());
  CHECK(results[99].left_out() >= 5000000);
  CHECK(results[100].int64(0, 0) == 7);
}

TEST_CASE("a pipeline whose answers are taken in parts is one transaction still") {
  PostgresServer server(15);
  Session session = server.connect();
  session.batch("CREATE TABLE public.t (id int, name text)");
  std::vector<postgres::Statement> statements(
      10, {.sql = "INSERT INTO public.t SELECT 100 + length($1), 'a' RETURNING 1",
           .params = {std::string(10000, 'x')},
           .bounded = true});
  for (std::size_t i = 0; i < statements.size(); ++i) {
    statements[i].params[0]->append(i, 'x');
  }
  statements.push_back({.sql = "SELECT 1/0"});
  const Error error = error_of([&] { session.pipeline(statements, 1000); });
  CHECK(error.text() ==
        "statement 11: unable to run a statement on '" + session.name() + "': division by zero");
  CHECK(session.query("SELECT count(*) FROM public.t WHERE id > 100").int64(0, 0) == 0);
}
