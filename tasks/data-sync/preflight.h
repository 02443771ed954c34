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

/// Throws Error{precondition} when the findings refuse; puts all of them into the result as checks.
void report_findings(const Run& run, const sync::Findings& findings);

/// The verb.
void preflight(const Run& run);

}  // namespace crossover::data_sync
