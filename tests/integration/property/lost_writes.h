#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "integration/property/site.h"
#include "sync/synced_table.h"

namespace crossover::test::property {

/// What a failover of the live side has lost, found by plain SQL, beside what was listed as lost.
/// For tables with a key: of rows that are equal nothing can be said by their text.
class LostWrites {
 public:
  /// Right after the failover, before anybody writes. `ahead`: whether the side behind has been
  /// drained since its standby was left behind; if not, it has nothing that the standby lacks.
  LostWrites(Site& site, sync::Side live, const std::vector<sync::SyncedTable>& tables, bool ahead);

  /// Says, once the list is made, which lost row is not in it, which is there as certain and was
  /// not lost, and which differs from nothing; empty when all is well. Nobody may be writing.
  std::string differences();

 private:
  /// The row of a key, by the key's text.
  using RowByKey = std::map<std::string, std::string>;
  struct Known {
    RowByKey behind;                          ///< what the side behind has
    std::map<std::string, std::string> keys;  ///< of those rows, by their JSON
    RowByKey live;                            ///< what the standby had
  };

  std::string differences(const sync::SyncedTable& table, const Known& known);

  Site& site_;
  sync::Side live_;
  const std::vector<sync::SyncedTable>& tables_;
  bool ahead_;
  std::int64_t listed_before_;
  std::map<int, Known> known_;
};

}  // namespace crossover::test::property
