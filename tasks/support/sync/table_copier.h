#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/parallel.h"
#include "sync/copy.h"
#include "sync/copy_pieces.h"

namespace crossover::sync {

/// Keeps what several workers send below a number of bytes a second. Thread-safe.
class Throttle {
 public:
  Throttle(const Clock& clock, std::uint64_t bytes_per_second)
      : clock_(clock), rate_(bytes_per_second), start_(clock.now()) {}
  /// Sleeps as long as `bytes` more are ahead of the rate.
  void passed(std::size_t bytes);

 private:
  const Clock& clock_;
  std::uint64_t rate_;
  Clock::Monotonic start_;
  std::atomic<std::uint64_t> sent_{0};
};

/// What the workers of one process share. Thread-safe.
struct CopyTeam {
  CopyTeam(const CopyContext& surroundings, std::string_view owner_token,
           std::uint64_t bytes_per_second)
      : context(surroundings), owner(owner_token), throttle(surroundings.clock, bytes_per_second) {}

  const CopyContext& context;
  std::string owner;
  Throttle throttle;
  std::atomic<std::uint64_t> tables{0};
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::uint64_t> bytes{0};
};

/// In a transaction that has read nothing yet: locks `table` against TRUNCATE and rewrites, from
/// which MVCC does not protect, before its snapshot is taken (PostgreSQL manual 13.5 and LOCK).
/// Returns the snapshot as txid_snapshot.
std::string take_snapshot(postgres::Session& source, const SyncedTable& table);

/// One worker of a copy, with a session on either side. Used by one thread.
class TableCopier {
 public:
  TableCopier(const Databases& databases, Direction direction, const Secret& apply_token,
              CopyTeam& team);

  postgres::Session& source() { return source_; }
  postgres::Session& target() { return target_; }
  /// The target's.
  Side side() const { return side_; }

  /// Claims a piece of the copy and brings it, in one transaction on either side. A table that is
  /// a piece is marked in that of its rows. Returns nothing where no piece is free.
  std::optional<CopyPiece> copy_next(const std::vector<SyncedTable>& tables,
                                     const GivenUp& given_up);

  /// Removes what the target holds of a table that several workers are going to copy.
  void clear(const SyncedTable& table);
  /// Marks a table whose ranges are all there as copied, with the snapshot that its first drain
  /// starts from.
  void mark(const SyncedTable& table, std::uint64_t rows, const std::string& snapshot);

 private:
  void copy_table(const SyncedTable& table, const CopyPiece& piece, postgres::Transaction& writing,
                  const GivenUp& given_up);
  void copy_range(const SyncedTable& table, const CopyPiece& piece, postgres::Transaction& writing,
                  const GivenUp& given_up);
  CopySize replace(const SyncedTable& table, const GivenUp& given_up);
  CopySize add_late(const SyncedTable& table, const PageRange& range, const GivenUp& given_up);
  CopySize merge(const SyncedTable& table, const GivenUp& given_up);
  CopySize pipe(const SyncedTable& table, std::string out_sql, std::string in_sql,
                const GivenUp& given_up);
  void record(const SyncedTable& table, std::uint64_t rows, const std::string& snapshot);

  bool copied_before(const SyncedTable& table);
  std::string create_rows_table(const SyncedTable& table);

  CopyTeam& team_;
  Side side_;
  postgres::Session source_;
  postgres::Session target_;
};

}  // namespace crossover::sync
