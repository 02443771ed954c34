#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/stop.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

struct CopyOptions {
  std::uint64_t bytes_per_second = 0;  ///< of all workers together; 0: as fast as it goes
  unsigned workers = 1;                ///< each with a connection to either database
  /// A table with more than one worker's share of all pages is cut into ranges of this many pages
  /// of 8 KiB, where the source can read a range of pages (TID range scans, PostgreSQL 14).
  std::uint64_t pages_per_range = 2048;
  /// How long one snapshot of the source may hold back vacuum, where the table is cut
  /// (split_table.h); one that is too large to be read within that by one worker is. 0: as long as
  /// it takes.
  Duration snapshot_limit{};
};

/// Of a run and those that have joined it; of one that has joined: what it has copied itself.
struct CopyReport {
  std::uint64_t tables = 0;  ///< those of an earlier run are not copied again
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

/// What a copy needs from its surroundings. Borrowed.
struct CopyContext {
  const Clock& clock;
  const StopRequest& stop;
  Log& log;
  Progress& progress;
};

/// Copies every table that is not marked as copied, straight from source to target. Capture must
/// stand on the source.
///
/// Each table is one snapshot of the source, which its first drain starts from and which is saved
/// in the transaction that marks the table. That is the transaction of its rows too, but for large
/// tables, whose ranges of pages are a transaction each: what a lost run leaves of them is deleted
/// before they are copied again. So a lost run costs the tables that it was at. The target's own
/// rows go first, by one TRUNCATE of all tables where nothing outside of them references them, else
/// by DELETE; `merge` tables keep rows that the source has not. What is to be done is listed in the
/// target (copy_pieces.h), so that other processes can join; returns when all of it is done, by
/// whomever, and leaves the list for `forget_pieces`. Fenced by `owner`; throws Error{locked} when
/// it is not the owner any more, and Error{precondition} when the service lives on the target.
CopyReport copy_tables(const Databases& databases, Direction direction,
                       const std::vector<SyncedTable>& tables, const Secret& apply_token,
                       std::string_view owner, const CopyOptions& options,
                       const CopyContext& context);

/// Helps the copy of `owner`, which another process makes and has listed, until nothing of it is
/// free any more; pieces that others are at are theirs, or the owner's when they are lost.
/// `led` gets a session to the target and says whether that process is still there; it is called
/// before each piece, from several threads. Without it none is begun any more: whoever goes on with
/// the copy must not wait for more than what is under way. Returns, too, when `owner` is not the
/// owner any more, since that one has ended its copy then or lost it: the caller asks which.
CopyReport join_copy(const Databases& databases, Direction direction,
                     const std::vector<SyncedTable>& tables, const Secret& apply_token,
                     std::string_view owner, const CopyOptions& options, const CopyContext& context,
                     const std::function<bool(postgres::Session&)>& led);

/// Updates the planner's statistics and the materialised views of the target, which an import
/// leaves stale.
void analyze_tables(const Database& target, const Secret& apply_token,
                    const std::vector<SyncedTable>& tables, const CopyContext& context);

}  // namespace crossover::sync
