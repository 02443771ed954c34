#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// Where a sequence stands (PostgreSQL manual, CREATE SEQUENCE and pg_sequences).
struct SequenceValue {
  TableName sequence;
  TableName owner_table;  ///< of a serial or identity column; else empty
  std::string owner_column;
  std::int64_t increment = 1;
  std::int64_t minimum = 1;
  std::int64_t maximum = 0;
  bool cycle = false;
  std::optional<std::int64_t> last_value;  ///< nothing when it was never called
};

/// Where the target's sequence must stand so that it hands out nothing that the source has handed
/// out: past the source's value by `margin` steps in its own direction, never back behind where the
/// target stands already, inside its bounds. Nothing when it need not be moved. Pure.
std::optional<std::int64_t> advanced_value(const SequenceValue& source, const SequenceValue& target,
                                           std::int64_t margin);

/// The sequences of a target and their counterparts on the source (same name, else same owning
/// column), looked up once, so that in a switch only their values are asked for. They are those of
/// all schemas that the migration is about, as the target has them recorded: one may stand in a
/// schema of which no table is carried.
class SequencePairs {
 public:
  /// A value for each pair, in their order; nothing where the sequence was never called.
  using Values = std::vector<std::optional<std::int64_t>>;

  SequencePairs(postgres::Session& source, postgres::Session& target);

  /// Where they stand now. Any session of that side. Throws SQLSTATE 42P01 when a sequence has gone
  /// meanwhile.
  Values source_values(postgres::Session& source) const { return last_values(source, sources_); }
  Values target_values(postgres::Session& target) const { return last_values(target, targets_); }

  /// Moves every sequence of the target that stands behind. setval() is not undone by a rollback,
  /// which only leaves a gap. Returns how many were moved.
  int advance(postgres::Session& target, const Values& from, const Values& to,
              std::int64_t margin) const;

 private:
  static Values last_values(postgres::Session& session,
                            const std::vector<SequenceValue>& sequences);
  std::vector<SequenceValue> sources_;
  std::vector<SequenceValue> targets_;
};

}  // namespace crossover::sync
