#include "postgres/libpq_error.h"

#include <catch2/catch.hpp>

using namespace crossover;
using namespace crossover::postgres;

TEST_CASE("the cause of a failed connection stands without libpq's preamble") {
  const ConnectFailure failure = read_connect_failure(
      "connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n");
  CHECK(failure.cause == "Connection refused");
  CHECK(failure.sqlstate.empty());
}

TEST_CASE("of several addresses the last one counts") {
  const ConnectFailure failure = read_connect_failure(
      "connection to server at \"localhost\" (::1), port 1 failed: Network is unreachable\n"
      "connection to server at \"localhost\" (127.0.0.1), port 1 failed: Connection refused\n");
  CHECK(failure.cause == "Connection refused");
}

TEST_CASE("the server's SQLSTATE is taken from a verbose message") {
  const ConnectFailure failure = read_connect_failure(
      "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password "
      "authentication failed for user \"app\"\nLOCATION:  auth_failed, auth.c:326\n");
  CHECK(failure.cause == "password authentication failed for user \"app\"");
  CHECK(failure.sqlstate == "28P01");
}

TEST_CASE("a host without an address has no preamble") {
  const ConnectFailure failure = read_connect_failure(
      "could not translate host name \"nowhere\" to address: Name or service not known\n");
  CHECK(failure.cause ==
        "could not translate host name \"nowhere\" to address: Name or service not known");
}
