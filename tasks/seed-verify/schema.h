#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/result.h"
#include "cli/task.h"
#include "flyway/history.h"
#include "seed-verify/connections.h"
#include "sync/catalogue.h"
#include "sync/finding.h"

namespace crossover::seed_verify {

/// Phase schema: tables, columns and keys of the new database against the old one's, and Flyway's
/// history of the new one.
void check_schema(cli::TaskContext& context, Connections& connections);

/// A check for each table of the old side, passed where nothing was found, and one for each finding
/// about something else. Pure.
void tell_structure(const sync::Catalogue& old_side, const sync::Findings& findings,
                    const std::vector<std::string>& tables, cli::Result& result);

/// Tables that only the new side has, but for Flyway's own. Pure.
std::vector<std::string> new_tables(const sync::Catalogue& old_side,
                                    const sync::Catalogue& new_side,
                                    const std::string& history_table);

/// What Flyway's history says: every migration succeeded, and each script of `scripts` (file names
/// of the configured folders) has run. Pure.
void tell_history(const std::optional<flyway::History>& history,
                  const std::vector<std::string>& scripts, cli::Result& result);

}  // namespace crossover::seed_verify
