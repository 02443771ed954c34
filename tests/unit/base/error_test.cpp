#include "base/error.h"

#include <catch2/catch.hpp>

using namespace crossover;

TEST_CASE("context stands in front of the message, outermost first") {
  Error error(ErrorKind::conflict, "unable to copy 'public.role': duplicate key");
  error.add_context("chunk 3").add_context("table public.role");
  CHECK(error.text() == "table public.role: chunk 3: unable to copy 'public.role': duplicate key");
  CHECK(error.context() == std::vector<std::string>{"table public.role", "chunk 3"});
}

TEST_CASE("with_context adds to an error that passes and returns what the body returns") {
  CHECK(with_context("outer", [] { return 7; }) == 7);
  try {
    with_context("outer", []() -> int { throw Error(ErrorKind::usage, "inner"); });
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.text() == "outer: inner");
  }
}

TEST_CASE("each kind has the exit code of the contract") {
  CHECK(exit_code(ErrorKind::failure) == ExitCode::failure);
  CHECK(static_cast<int>(exit_code(ErrorKind::usage)) == 2);
  CHECK(static_cast<int>(exit_code(ErrorKind::precondition)) == 3);
  CHECK(static_cast<int>(exit_code(ErrorKind::conflict)) == 4);
  CHECK(static_cast<int>(exit_code(ErrorKind::locked)) == 5);
  CHECK(static_cast<int>(exit_code(ErrorKind::timeout)) == 6);
  CHECK(static_cast<int>(exit_code(ErrorKind::rolled_back)) == 7);
  CHECK(static_cast<int>(exit_code(ErrorKind::cancelled)) == 1);
}
