#pragma once

#include <cstdint>

#include "base/stop.h"
#include "postgres/session.h"
#include "sync/carried_mark.h"
#include "sync/database.h"
#include "sync/row_difference.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// What is known of a source that has failed over.
struct FailoverFacts {
  CarriedMark mark;
  std::string carried = CarriedMark::nothing;  ///< the position's snapshot, of the source
  /// Whether its log holds all that was written there since: capture stood all the time.
  bool logged = false;
};

/// How many rows were kept in crossover.saved_row.
struct SavedRows {
  std::uint64_t all = 0;
  std::uint64_t uncertain = 0;  ///< of those, which may be no loss
};

/// Lists what a failover of the source has lost of one table, in crossover.saved_row of the target,
/// which has it still. Rows differ where commits were lost, and where the service has written
/// since. Which of both is told by two facts: whether the source has logged the key since the mark,
/// and whether the target's row was carried since then.
///
///   logged  carried
///     no      yes    lost, for certain; a row that the target lacks: a DELETE that was lost
///     yes     yes    kept; for certain when no entry can be of the write that was carried
///     yes     no     the target had what the mark saw, so nothing was lost: not kept
///
/// An entry that the position does not see is of no write that was carried. One that it sees may
/// be, or have got the transaction id of one that was lost: that is not certain. Of a row that the
/// target lacks and that was logged since nothing is kept: nearly always it is new, and if a DELETE
/// of it was lost, the service has written it again.
///
/// Of a keyless table all this is said of the table. Used inside a transaction on either side, that
/// of the source being one snapshot.
class LostRows {
 public:
  LostRows(postgres::Session& source, postgres::Session& target, const SyncedTable& table,
           Direction direction, const FailoverFacts& facts, const StopRequest& stop);

  /// For a table with a key: tells the target the keys of `rows`, which differ. First of all.
  void tell(const RowsByKey& rows);
  /// Keeps the rows of the target that give way. While it has them.
  SavedRows save_target_rows();
  /// Keeps the keys of lost DELETEs. When the target has the source's rows.
  SavedRows save_deleted_rows();
  /// Deletes the target's rows of those keys.
  void delete_told();
  /// Drops what `tell` has made.
  void forget();

  /// For a keyless table; `beside` is another session of the target, which sees the table as it was
  /// before the transaction.
  SavedRows save_keyless(const RowsByKey& rows, postgres::Session& beside);

 private:
  /// What the log says of a whole table, or of a key.
  struct Entries {
    bool any = true;      ///< since the mark
    bool carried = true;  ///< one may be of a write that the target has carried
  };
  Entries of_whole_table();
  std::string carried() const;
  SavedRows save(const std::string& sql);
  void save_surplus(postgres::Session& session, bool carried, const RowsByKey& rows,
                    RowDigest KeyRows::*less, std::string_view operation, bool certain,
                    SavedRows& saved);

  postgres::Session& source_;
  postgres::Session& target_;
  const SyncedTable& table_;
  Direction direction_;
  const FailoverFacts& facts_;
  const StopRequest& stop_;
};

}  // namespace crossover::sync
