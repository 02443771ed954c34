#pragma once

#include <map>
#include <string>
#include <vector>

#include "sync/catalogue.h"
#include "sync/seeds.h"

namespace crossover::sync {

/// The same as find_seed_conflicts for a table whose policy is merge, where rows that only the
/// target has stay: drift by any unique key, told as the columns' types tell values apart, and rows
/// of the target whose identity the source gives to another natural key, so that they would go;
/// these are `accepted` where `accept_target_only`.
///
/// `described` is the table in the source's catalogue. Reads the target's rows once, and looks for
/// them in the source by name. Neither session may be in a transaction.
SeedConflicts find_merge_conflicts(postgres::Session& source, postgres::Session& target,
                                   const SyncedTable& table, const Table& described,
                                   const std::vector<std::string>& natural_key,
                                   bool accept_target_only, const StopRequest& stop);

/// Which rows refer to those of `table` whose identities are `shown` as in SeedConflict: "public.b
/// (a_id): 2" for each foreign key of `catalogue`, the same database's. Counts no more than 1,000
/// each.
std::map<std::string, std::string> references_to(postgres::Session& session,
                                                 const SyncedTable& table,
                                                 const Catalogue& catalogue,
                                                 const std::vector<std::string>& shown);

}  // namespace crossover::sync
