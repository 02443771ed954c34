#pragma once

#include <string>
#include <string_view>

#include "postgres/session.h"

namespace crossover::sync {

/// Which of the two databases of a migration. `old` is where the service lives when the migration
/// begins, `new` is where it goes; the names stay, whichever of them is live.
enum class Side { old_side, new_side };

/// Which way rows are carried. `forward` is old to new, `reverse` new to old.
enum class Direction { forward, reverse };

constexpr Side source(Direction direction) {
  return direction == Direction::forward ? Side::old_side : Side::new_side;
}
constexpr Side target(Direction direction) {
  return direction == Direction::forward ? Side::new_side : Side::old_side;
}
constexpr Side other(Side side) { return side == Side::old_side ? Side::new_side : Side::old_side; }
/// The direction that carries rows to `side`.
constexpr Direction direction_to(Side side) {
  return side == Side::new_side ? Direction::forward : Direction::reverse;
}

/// "old" or "new".
std::string_view name(Side side);
/// "forward" or "reverse".
std::string_view name(Direction direction);

/// How the engine reaches one of the two databases. Implementations are thread-safe: workers open
/// sessions of their own.
class Database {
 public:
  virtual ~Database() = default;
  /// Opens a session; `purpose` ("copy", "drain", ...) ends up in its application_name.
  virtual postgres::Session open(std::string_view purpose) const = 0;
  /// What people call it, for messages: "registry-patroni:5432/registry".
  virtual std::string describe() const = 0;
};

/// Both databases. Borrowed, never owned.
struct Databases {
  const Database& old_db;
  const Database& new_db;

  const Database& at(Side side) const { return side == Side::old_side ? old_db : new_db; }
};

}  // namespace crossover::sync
