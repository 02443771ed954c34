#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// A process beside the one that runs `data-sync start`: it takes pieces of that one's copy, and
/// nothing else, so it holds neither Lease nor locks.
class Joiner {
 public:
  Joiner(const Run& run, sync::Direction direction);

  /// Returns when the other has listed what is to be copied, or when nothing is left to copy.
  /// Throws Error{precondition} when nobody comes who copies, and Error{timeout} when somebody is
  /// there who does not begin within --timeout; without that it waits for as long as he is.
  void await_copy();
  /// Copies until nothing is free any more. Throws Error{failure} when the other has ended before
  /// all was copied, and Error{precondition} when it copies from another database than ours.
  void copy();

 private:
  void require_leader() const;
  bool has_copy();
  bool everything_copied();
  bool led(postgres::Session& target) const;
  void copy_pieces();
  void require_source();
  void require_end();

  const Run& run_;
  sync::Direction direction_;
  postgres::Session target_;
  std::int64_t key_;
  std::optional<int> leader_;  ///< the backend that holds the migration's lock
  std::string owner_;          ///< whose pieces there are; empty: none
};

}  // namespace crossover::data_sync
