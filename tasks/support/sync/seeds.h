#pragma once

#include <string>
#include <vector>

#include "postgres/session.h"
#include "sync/catalogue.h"
#include "sync/finding.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// A row that the target holds before the copy and that stands in its way.
struct SeedConflict {
  enum class Kind {
    target_only,  ///< the source has no row of that natural key
    drift,        ///< the source has the natural key under another identity
  };
  Kind kind = Kind::target_only;
  TableName table;
  std::string natural_key;  ///< "name=admin"
  std::string source_key;   ///< "id=3"; empty for target_only
  std::string target_key;   ///< "id=7"
};

/// Compares the rows that the target holds (Flyway's seeds) with the source's by natural key:
/// `natural_key`, or the table's first unique constraint besides its identity, or the identity
/// itself. Reads at most `limit` rows of the target. Both may be in any state of transaction. The
/// conflicts come in the order of the natural key.
std::vector<SeedConflict> find_seed_conflicts(postgres::Session& source, postgres::Session& target,
                                              const SyncedTable& table,
                                              const std::vector<std::string>& natural_key,
                                              int limit);

/// The natural key of a table as described above. Pure.
std::vector<std::string> natural_key_of(const Table& table,
                                        const std::vector<std::string>& configured);

}  // namespace crossover::sync
