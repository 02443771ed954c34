#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/stop.h"
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
    taken,        ///< the source has another natural key under the identity
  };
  Kind kind = Kind::target_only;
  std::string natural_key;  ///< "name=admin"; of a keyless table the row, as ROW() is written
  std::string source_key;   ///< "id=3"; empty for target_only; of one that is taken "name=user"
  std::string target_key;   ///< "id=7"; empty for a keyless table
};

/// Those of one table.
struct SeedConflicts {
  std::uint64_t count = 0;
  std::vector<SeedConflict> shown;  ///< at most 20, in the order of the natural key as text
  std::uint64_t accepted = 0;       ///< rows that only the target has, where these are no conflict
  std::vector<std::string> accepted_keys;  ///< natural keys of the first 100
};

/// Compares the rows that the target holds (Flyway's seeds) with the source's by natural key:
/// `natural_key`, or the table's first unique constraint besides its identity, or the identity
/// itself. Of a keyless table those conflict that the target has more often than the source.
/// `only_drift`: rows that only the target has are no conflict, but `accepted`.
///
/// Costs a query of the target where that is empty, and a scan of the source where it holds few
/// rows; else both servers sort digests of their rows, which are then read side by side. Memory
/// does not grow with the number of rows. Neither session may be in a transaction.
SeedConflicts find_seed_conflicts(postgres::Session& source, postgres::Session& target,
                                  const SyncedTable& table,
                                  const std::vector<std::string>& natural_key, bool only_drift,
                                  const StopRequest& stop);

/// The natural key of a table as described above. Pure.
std::vector<std::string> natural_key_of(const Table& table,
                                        const std::vector<std::string>& configured);

}  // namespace crossover::sync
