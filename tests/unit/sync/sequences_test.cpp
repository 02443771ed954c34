#include "sync/sequences.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace crossover::sync;

namespace {

SequenceValue at(std::optional<std::int64_t> last, std::int64_t increment = 1,
                 std::int64_t minimum = 1,
                 std::int64_t maximum = std::numeric_limits<std::int64_t>::max()) {
  SequenceValue value;
  value.increment = increment;
  value.minimum = minimum;
  value.maximum = maximum;
  value.last_value = last;
  return value;
}

}  // namespace

TEST_CASE("a sequence ends ahead of the source's by the margin") {
  CHECK(advanced_value(at(40), at({}), 1000) == 1040);
  CHECK(advanced_value(at(40, 10), at({}, 10), 5) == 90);
}

TEST_CASE("a sequence that the source never called is left alone") {
  CHECK(advanced_value(at({}), at(7), 1000) == std::nullopt);
}

TEST_CASE("a sequence never goes back behind what the target has handed out") {
  CHECK(advanced_value(at(40), at(5000), 1000) == std::nullopt);
  CHECK(advanced_value(at(40), at(1040), 1000) == std::nullopt);
  CHECK(advanced_value(at(40), at(1039), 1000) == 1040);
}

TEST_CASE("a descending sequence goes down") {
  const auto down = [](std::optional<std::int64_t> last) { return at(last, -1, -100000, -1); };
  CHECK(advanced_value(down(-40), down({}), 1000) == -1040);
  CHECK(advanced_value(down(-40), down(-5000), 1000) == std::nullopt);
}

TEST_CASE("without room for the margin a sequence goes on where the source's stands") {
  CHECK(advanced_value(at(95, 1, 1, 100), at({}, 1, 1, 100), 1000) == 95);
  CHECK(advanced_value(at(std::numeric_limits<std::int64_t>::max() - 3), at({}), 1000) ==
        std::numeric_limits<std::int64_t>::max() - 3);
}

TEST_CASE("a cycling sequence follows the source even to a smaller value") {
  SequenceValue source = at(3, 1, 1, 100);
  SequenceValue target = at(99, 1, 1, 100);
  source.cycle = target.cycle = true;
  CHECK(advanced_value(source, target, 10) == 13);
}
