#include "base/secret.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <type_traits>

using namespace crossover;

namespace {

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) { out << value; };

}  // namespace

TEST_CASE("a secret can't be printed or turned into a string by accident") {
  STATIC_REQUIRE_FALSE(Streamable<Secret>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string, Secret>);
}

TEST_CASE("a secret is empty after it was moved from") {
  Secret source(std::string("hunter2"));
  const Secret target(std::move(source));
  CHECK(target.reveal() == "hunter2");
  CHECK(source.empty());  // NOLINT(bugprone-use-after-move): the promise under test
}
