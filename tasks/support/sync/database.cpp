#include "sync/database.h"

namespace crossover::sync {

std::string_view name(Side side) { return side == Side::old_side ? "old" : "new"; }

std::string_view name(Direction direction) {
  return direction == Direction::forward ? "forward" : "reverse";
}

}  // namespace crossover::sync
