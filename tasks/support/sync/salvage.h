#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "postgres/session.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What a write to the new database came to that the old one does not have.
enum class LostOperation {
  insert,    ///< the old database has no such row
  update,    ///< it has another one
  remove,    ///< it still has it
  truncate,  ///< of the table; the rows that went by it follow, each as removed
};
/// "insert", "update", "delete" or "truncate".
std::string_view name(LostOperation operation);

/// Lives as long as the call that it is given to.
struct LostWrite {
  const SyncedTable* table = nullptr;
  LostOperation operation = LostOperation::insert;
  /// JSON objects of the row's columns, as text; none where there is nothing to show.
  std::optional<std::string_view> key;      ///< none of a keyless table, whose row is all there is
  std::optional<std::string_view> old_row;  ///< as the old database has it now
  std::optional<std::string_view> new_row;  ///< as the new database had it at last
  /// Whether the old database has been written under that key since the service went back to it, so
  /// that the one or the other must give way. Not known when capture was taken off it since.
  std::optional<bool> written_since;
};

/// How far the list can be relied upon.
struct Salvage {
  std::uint64_t writes = 0;
  std::uint64_t conflicts = 0;  ///< of them: written since
  /// The new database has failed over since: it may have lost what it had committed, and be behind
  /// the old one, so a row that is listed may be the older of the two.
  bool failed_over = false;
  /// False: capture was taken off the old database, so what was written since is not known.
  bool later_writes_known = true;
  /// Tables that have other columns in the two databases, since one of them was migrated. What
  /// both have is compared; where the new one has more, every row that was written to is listed.
  std::vector<std::string> altered;
  /// Tables that one of them has no more, or whose keys: nothing of these is listed.
  std::vector<std::string> unsearched;
};

/// Finds what was written to the new database and not carried to the old one, after the new one was
/// given up (cutover/abandon.h) and has come back. Every key in its log that the old database's
/// position does not cover is held against the row that the old database has now: where both are
/// the same, nothing is missing. Calls `visit` for each difference, table by table, a table's keys
/// in their order. Reads both databases, each table in one snapshot of either, and changes neither.
/// A lost write is a row's last state: what the log does not say, such as two updates of one row or
/// an insert that was undone by a delete, is not listed.
///
/// Memory grows neither with the number of keys nor with the width of rows, of which few are held
/// at a time; of a keyless table the digests of all rows are.
///
/// Throws Error{precondition} when the new database was not given up, when the migration is
/// finished, when its gate is open (it could still be written), when it is another cluster, when
/// its capture was taken off, or when it is in a state from before the old one's position.
Salvage find_lost_writes(postgres::Session& new_side, postgres::Session& old_side,
                         const std::vector<SyncedTable>& tables, const StopRequest& stop,
                         const std::function<void(const LostWrite&)>& visit);

}  // namespace crossover::sync
