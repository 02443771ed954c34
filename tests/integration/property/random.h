#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace crossover::test::property {

/// What a case is drawn from: the same seed draws the same case on every machine, so nothing here
/// uses the library's distributions, whose results differ between implementations.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// 0 to `count` - 1.
  int below(int count) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(count)); }
  /// Both ends included.
  int between(int least, int most) { return least + below(most - least + 1); }
  bool chance(int percent) { return below(100) < percent; }

  template <typename Element>
  const Element& pick(const std::vector<Element>& elements) {
    return elements[static_cast<std::size_t>(below(static_cast<int>(elements.size())))];
  }
  /// Takes one element out.
  template <typename Element>
  Element take(std::vector<Element>& elements) {
    const auto index = below(static_cast<int>(elements.size()));
    Element element = std::move(elements[static_cast<std::size_t>(index)]);
    elements.erase(elements.begin() + index);
    return element;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace crossover::test::property
