#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// The rows that are held against each other when lost writes are looked for: compared by digest,
/// and fetched to be shown few at a time, by their width. Both sessions are in transactions.

/// Keys of one table, and what both databases have of them (present_rows_sql).
struct KeyBatch {
  postgres::Rows keys;            ///< as uncarried_keys_sql gives them
  postgres::Rows there;           ///< the new database
  postgres::Rows here;            ///< the old one
  std::vector<std::size_t> lost;  ///< those that are to be shown
};

/// In which database the logged keys are kept (create_logged_keys_sql).
struct LoggedKeys {
  bool there = false;
  bool here = false;
};

/// Reads what both databases have of the keys, and forgets which are lost.
void look_up(postgres::Session& new_side, postgres::Session& old_side, const SyncedTable& table,
             KeyBatch& batch, LoggedKeys kept);

/// JSON; none where there is no such row.
using ShownRow = std::optional<std::string_view>;

/// Calls `visit(index, row there, row here)` for each key that is lost.
void visit_rows(postgres::Session& new_side, postgres::Session& old_side, const SyncedTable& table,
                const KeyBatch& batch,
                const std::function<void(std::size_t, ShownRow, ShownRow)>& visit);

/// Of a keyless table, whose equal rows can't be told apart: calls `visit_there` for each row that
/// the new database has more often, then `visit_here` for those of the old one.
void visit_surplus_rows(postgres::Session& new_side, postgres::Session& old_side,
                        const SyncedTable& table, const StopRequest& stop,
                        const std::function<void(std::string_view)>& visit_there,
                        const std::function<void(std::string_view)>& visit_here);

}  // namespace crossover::sync
