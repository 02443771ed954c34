#pragma once

#include <list>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "postgres/session.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// A table whose ranges of pages are read in a snapshot that a transaction of this object keeps.
/// That holds back vacuum in the whole database (PostgreSQL manual 25.1.2), so it is not kept for
/// ever: ranges that come later are read in a newer one. What has changed in between is logged, so
/// the first drain puts it right, which starts from the oldest snapshot; until then a row may be
/// missing, or there as it was. Not thread-safe.
class SplitTable {
 public:
  /// Locks the table against TRUNCATE and rewrites until `end`, and takes the snapshot. All are
  /// borrowed.
  SplitTable(const Database& source, const SyncedTable& table, const Clock& clock, Log& log);

  const SyncedTable& table() const { return table_; }
  /// As txid_snapshot: what was logged since may not be there, whichever range it is of.
  const std::string& snapshot() const { return snapshot_; }
  /// For SET TRANSACTION SNAPSHOT: the present one.
  const std::string& exported() const { return kept_.back().exported; }

  /// Where the present snapshot is older than `limit`: has the ranges that nobody is at read in a
  /// new one, and lets the earlier ones go when nobody is at a range of theirs any more. To be
  /// called now and then. A table with a deferrable key or with rules, which refuse rows less
  /// gently (INSERT ... ON CONFLICT), keeps the one that its first range was read in. Throws
  /// Error{locked} when `owner` no longer is it.
  void renew(postgres::Session& target, std::string_view owner, Duration limit);

  /// All ranges are there.
  void end();
  bool ended() const { return ended_; }

 private:
  struct Kept {
    /// Throws a lock conflict when the table's lock is not to be had within `patience`; 0: ever.
    Kept(const Database& source, const SyncedTable& table, const Clock& clock, Duration patience);
    postgres::Session session;
    postgres::Transaction reading;
    Clock::Monotonic since;
    std::string snapshot;
    std::string exported;
  };
  void take_another();
  void hand_over(postgres::Session& target, std::string_view owner);

  const Database& source_;
  const SyncedTable& table_;
  const Clock& clock_;
  Log& log_;
  std::list<Kept> kept_;  ///< the oldest first
  std::string snapshot_;
  bool takes_late_ = true;
  bool stays_ = false;
  bool ended_ = false;
};

}  // namespace crossover::sync
