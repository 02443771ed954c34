#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data-sync/migration.h"
#include "sync/clients.h"
#include "sync/finding.h"

namespace crossover::data_sync {

/// The table of the clients for people. `poolers`: the addresses of the poolers that the switch
/// moves, where they are known. Pure.
cli::Table client_table(const sync::ClientsSeen& seen,
                        const std::optional<std::vector<std::string>>& poolers);

/// What is to be said of them: who would be left behind by a switch, and what was not to be seen.
/// Pure.
sync::Findings client_findings(const sync::ClientsSeen& seen,
                               const std::optional<std::vector<std::string>>& poolers);

/// Watches the old database's clients for as long as --watch says, puts their table into the
/// result, and returns what is to be said and asked.
sync::Findings list_clients(const Run& run);

}  // namespace crossover::data_sync
