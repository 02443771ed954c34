#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "postgres/session.h"
#include "sync/database.h"

namespace crossover::sync {

/// What the last comparison of all rows found; it stands in the target, which it speaks of.
struct Verification {
  bool equal = false;
  std::string point;        ///< the source's snapshot at which both sides were compared
  std::string at;           ///< when it ended, RFC 3339, by the target's clock; filled by reading
  std::int64_t tables = 0;  ///< compared
};

/// Remembers a verification in the target, in place of the one before. Any session of the migration
/// role; a schema made by an earlier version gets the table.
void record_verification(postgres::Session& target, Direction direction,
                         const Verification& verification);

/// The last one, or nothing when there was none since the rows were copied.
std::optional<Verification> read_verification(postgres::Session& target, Direction direction);

/// For the beginning of a copy: what was verified before it says nothing of what it brings.
void forget_verification(postgres::Session& target, Direction direction);

}  // namespace crossover::sync
