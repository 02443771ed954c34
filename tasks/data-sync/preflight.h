#pragma once

#include <map>
#include <string>
#include <vector>

#include "data-sync/migration.h"

namespace crossover::data_sync {

/// What both catalogues come to.
struct Survey {
  sync::Catalogue old_side;
  sync::Catalogue new_side;
  std::vector<sync::SyncedTable> tables;
  sync::Findings findings;
  std::string old_system;
  std::string new_system;
  /// The structure of the tables that take part, as a hash for the plan.
  std::string schema_sha256;
};

/// Reads both catalogues, selects the tables and finds what stands in the way. Changes nothing.
Survey survey(const Run& run);

/// Of one table: rows that only the target has and that may go by acceptTargetOnly.
struct AcceptedRows {
  std::uint64_t rows = 0;
  std::vector<std::string> keys;  ///< natural keys of the first
};
using AcceptedRowsByTable = std::map<std::string, AcceptedRows>;

/// Rows that the target (Flyway's seeds) holds and that stand in the way: counted, and the first of
/// each table put into the result as a table. Throws Error{conflict} when one is not accepted by
/// the table's policy; returns those that are.
AcceptedRowsByTable require_no_seed_conflicts(const Run& run, const Survey& survey,
                                              sync::Direction direction);

/// For the evidence, to whoever asks later where the target's rows went: the tables whose rows may
/// go, with those that did. A run that goes on with another's copy has not seen them any more.
void note_accepted(Run& run, const std::vector<sync::SyncedTable>& tables,
                   const AcceptedRowsByTable& accepted);

/// Throws Error{precondition} when the findings refuse; puts all of them into the result as checks.
void report_findings(const Run& run, const sync::Findings& findings);

/// The verb.
void preflight(const Run& run);

}  // namespace crossover::data_sync
