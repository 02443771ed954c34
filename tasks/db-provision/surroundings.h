#pragma once

#include <string>
#include <vector>

#include "db-provision/references.h"
#include "kube/client.h"

namespace crossover::db_provision {

/// Reads what is in those namespaces; kinds that the server lacks are left out.
Surroundings read_surroundings(kube::Client& client, const std::vector<std::string>& namespaces);

}  // namespace crossover::db_provision
