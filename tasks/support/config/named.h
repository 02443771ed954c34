#pragma once

#include <string_view>

namespace crossover::config {

/// A value of an enumeration and the word for it in crossover.yaml. Each enumeration has a table of
/// these beside it, so that reading, writing and the reference page cannot differ.
template <typename Enum>
struct Named {
  std::string_view word;
  Enum value;
};

/// The word of `value` in its table.
template <typename Table, typename Enum>
constexpr std::string_view word(const Table& table, Enum value) {
  for (const auto& entry : table) {
    if (entry.value == value) {
      return entry.word;
    }
  }
  return {};
}

}  // namespace crossover::config
