#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace crossover::test::property {

/// A failed expectation of the test itself, as opposed to an error of the engine.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Failure when something is said of what was looked at `when`.
inline void expect_nothing(const std::string& what, std::string_view when) {
  if (!what.empty()) {
    throw Failure(fmt::format("{}: {}", when, what));
  }
}

}  // namespace crossover::test::property
