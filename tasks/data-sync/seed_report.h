#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data-sync/preflight.h"

namespace crossover::data_sync {

/// Of one table: rows that only the target has and that may go by acceptTargetOnly.
struct AcceptedRows {
  std::uint64_t rows = 0;
  std::vector<std::string> keys;  ///< natural keys of the first
};
using AcceptedRowsByTable = std::map<std::string, AcceptedRows>;

/// Rows that the target (Flyway's seeds) holds and that stand in the way: counted, and the first of
/// each table put into the result as a table, with what refers to them. Throws Error{conflict} when
/// one is not accepted by the table's policy; returns those that are.
AcceptedRowsByTable require_no_seed_conflicts(const Run& run, const Survey& survey,
                                              sync::Direction direction);

/// For the evidence, to whoever asks later where the target's rows went: the tables whose rows may
/// go, with those that did. A run that goes on with another's copy has not seen them any more.
void note_accepted(Run& run, const std::vector<sync::SyncedTable>& tables,
                   const AcceptedRowsByTable& accepted);

}  // namespace crossover::data_sync
