#include "postgres/session.h"

#include <catch2/catch.hpp>

#include "fixtures/postgres/pgbouncer.h"
#include "fixtures/postgres/server.h"

using namespace crossover;
using namespace crossover::test;

TEST_CASE("a session runs statements on every supported server") {
  const int version = GENERATE(12, 15, 17, 18);
  PostgresServer server(version);
  postgres::Session session = server.connect();
  CHECK(session.server_version() / 10000 == version);
  const postgres::Rows rows =
      session.query("SELECT $1::int + 1 AS sum, $2::text, NULL", {"41", std::nullopt});
  REQUIRE(rows.size() == 1);
  CHECK(rows.int64(0, 0) == 42);
  CHECK(rows.is_null(0, 1));
  CHECK(rows.column_name(0) == "sum");
}
