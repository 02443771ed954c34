#pragma once

#include <string>

#include "postgres/session.h"
#include "sync/catalogue.h"

namespace crossover::sync {

/// Who may do what: the grants and policies of the tables and sequences that `catalogue` has by
/// then, which are all of `schemas`, a text[].
void read_access(postgres::Session& session, const std::string& schemas, Catalogue& catalogue);

}  // namespace crossover::sync
