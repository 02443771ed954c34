#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/parallel.h"
#include "base/stop.h"
#include "postgres/session.h"
#include "sync/copy_plan.h"
#include "sync/database.h"
#include "sync/synced_table.h"

namespace crossover::sync {

/// Both databases in open snapshots of one point.
struct CommonSnapshot {
  postgres::Session& source;
  postgres::Session& target;
  std::string point;  ///< as txid_snapshot of the source
};

/// One side of a table, read range of pages by range of pages. What was read so far is always as
/// one snapshot has it: when another takes its place, the rows that have changed in between are
/// taken back and given as they are now, as far as they lie where was read already.
class SideInPieces {
 public:
  /// A row has been read (`there`), or is to be taken back: its key as COPY writes it,
  /// tab-separated, and the carried columns, line end included.
  using Take = std::function<void(std::string_view key, std::string_view row, bool there)>;

  /// `ranges` are of all of the table's relations, one after another, each to its open end. All
  /// are borrowed.
  SideInPieces(const SyncedTable& table, bool carried, std::vector<PageRange> ranges, Take take);

  bool done() const { return next_ == ranges_.size(); }
  /// Reads the next range; returns the number of its rows. Ends early when `given_up`.
  std::uint64_t read_next(postgres::Session& session, const StopRequest& stop,
                          const GivenUp& given_up);
  /// In the transaction of a later snapshot, while the former holds its own locks: nobody may write
  /// anew what was read (VACUUM FULL, CLUSTER), since rows in other pages are in no log.
  void keep_pages(postgres::Session& session) const;
  /// `keys`: an array of texts a key column, with every key that differs between both.
  void move(postgres::Session& from, postgres::Session& to, const std::vector<std::string>& keys);

 private:
  void take_all(postgres::Session& session, const std::string& sql, bool there);
  std::string part_read() const;

  const SyncedTable& table_;
  bool carried_;
  std::vector<PageRange> ranges_;
  Take take_;
  std::size_t next_ = 0;
};

/// All rows of both sides, read in pieces, at a common point that moves on meanwhile, so that no
/// snapshot has to be held until the end. For tables with a key, of servers from 14 on, which read
/// ranges of pages by themselves.
class ReadInPieces {
 public:
  /// Ranges have `pages` pages.
  ReadInPieces(const SyncedTable& table, Direction direction, const CommonSnapshot& first,
               std::uint64_t pages, SideInPieces::Take source, SideInPieces::Take target);

  /// Reads at least one more range of each side, and goes on until `enough`, which two threads
  /// call. Returns whether all was read: then it is what both sides have at `now`.
  bool read(const CommonSnapshot& now, const std::function<bool()>& enough, const StopRequest& stop,
            Progress& progress);
  /// To a later point, while both are open. False where that can't be done, as after a TRUNCATE:
  /// begin anew. The source's log must have everything since `from`.
  bool move(const CommonSnapshot& from, const CommonSnapshot& to);

 private:
  const SyncedTable& table_;
  SideInPieces source_;
  SideInPieces target_;
};

/// How many pages the table has, with its partitions.
std::uint64_t pages_of(postgres::Session& session, const SyncedTable& table);

}  // namespace crossover::sync
