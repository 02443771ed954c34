#include "postgres/sqlstate.h"

#include <catch2/catch.hpp>

using namespace crossover;
using namespace crossover::postgres;

TEST_CASE("a SQLSTATE decides the kind of error") {
  CHECK(error_kind("57014") == ErrorKind::timeout);
  CHECK(error_kind("55P03") == ErrorKind::timeout);
  CHECK(error_kind("25P03") == ErrorKind::timeout);
  CHECK(error_kind("28P01") == ErrorKind::precondition);
  CHECK(error_kind("28000") == ErrorKind::precondition);
  CHECK(error_kind("3D000") == ErrorKind::precondition);
  CHECK(error_kind("25006") == ErrorKind::precondition);
  CHECK(error_kind("23505") == ErrorKind::failure);
  CHECK(error_kind("08006") == ErrorKind::failure);
  CHECK(error_kind("") == ErrorKind::failure);
}

TEST_CASE("connecting anew may help a lost connection, never an in-doubt commit") {
  const auto lost = [](const char* state) {
    Error error(ErrorKind::failure, "x");
    return is_connection_failure(error.set_sqlstate(state));
  };
  CHECK(lost("08006"));
  CHECK(lost("08001"));
  CHECK(lost("57P01"));
  CHECK(lost("57P03"));
  CHECK(lost("53300"));
  CHECK_FALSE(lost("08007"));
  CHECK_FALSE(lost("40001"));
  CHECK_FALSE(lost(""));
}
