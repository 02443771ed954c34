#pragma once

#include <vector>

#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The rows of merged tables that only the target had (its crossover.kept_row). They are its own:
/// nothing that is carried touches them, nor are they compared.

/// In the target's transaction, before changes of `table` are written: a row whose key the source
/// has by now, in the snapshot of its transaction, is the source's from here on.
void give_up_taken_rows(postgres::Session& target, postgres::Session& source,
                        const SyncedTable& table);

/// In the target's transaction that the service comes with: what is carried the other way from then
/// on brings them too, where capture stands; they are nobody's own any more.
void hand_over_kept_rows(postgres::Session& target, const std::vector<SyncedTable>& tables);

/// Of a database that is copied whole.
void forget_kept_rows(postgres::Session& session);

}  // namespace crossover::sync
