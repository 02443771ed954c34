#pragma once

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

/// Rows that the target (Flyway's seeds) holds and that stand in the way: counted, and the first of
/// each table put into the result as a table. Throws Error{conflict} when one is not accepted by
/// the table's policy.
void require_no_seed_conflicts(const Run& run, const Survey& survey, sync::Direction direction);

/// Throws Error{precondition} when the findings refuse; puts all of them into the result as checks.
void report_findings(const Run& run, const sync::Findings& findings);

/// The verb.
void preflight(const Run& run);

}  // namespace crossover::data_sync
