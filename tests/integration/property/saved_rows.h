#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "integration/property/site.h"
#include "sync/synced_table.h"

namespace crossover::test::property {

/// How many rows of which table, by its recorded number; none is not named.
using RowCounts = std::map<int, std::int64_t>;

/// The rows that the side opposite to `live` has and `live` has not, by plain SQL. Nobody may be
/// writing.
RowCounts rows_only_behind(Site& site, sync::Side live,
                           const std::vector<sync::SyncedTable>& tables);
/// The rows that `live` has, the other side has not, and nobody has logged: what a failover has
/// brought back. By plain SQL; nobody may be writing.
RowCounts rows_brought_back(Site& site, sync::Side live,
                            const std::vector<sync::SyncedTable>& tables);
/// Both together.
RowCounts sum(RowCounts one, const RowCounts& other);
/// The rows that are kept on `side` as lost by the other.
RowCounts saved_rows(Site& site, sync::Side side);
/// Says which table's rows were not saved, or were without need; empty when all is well.
std::string compare_saved(const RowCounts& before, const RowCounts& gave_way,
                          const RowCounts& after);

}  // namespace crossover::test::property
