#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data-sync/migration.h"
#include "sync/drain.h"
#include "sync/lock_watch.h"
#include "sync/verify.h"

namespace crossover::data_sync {

/// Both databases at one point while writes go on: the source's snapshot of a drain, and a snapshot
/// of the target that contains that drain and no later one.
class CommonPoint {
 public:
  /// Throws Error{precondition} when the target has not all rows.
  CommonPoint(Run& run, sync::Direction direction);

  const std::vector<sync::SyncedTable>& tables() const { return tables_; }

  /// Another one, later than that before, which has ended.
  void take();
  /// Ends both snapshots, and with them all locks.
  void leave() noexcept;

  /// These are for after take().
  sync::CommonSnapshot snapshot();
  /// From before it was taken.
  Clock::Monotonic since() const { return since_; }
  std::unique_ptr<sync::LockWatch> watch();
  /// SET lock_timeout = ... for what is read at it.
  void limit_waits(std::string_view timeout);

 private:
  std::optional<std::string> drain_once();

  Run& run_;
  sync::Direction direction_;
  postgres::Session target_;
  std::vector<sync::SyncedTable> tables_;
  std::optional<sync::Drain> drain_;
  std::optional<postgres::Transaction> snapshot_;
  std::string point_;
  Clock::Monotonic since_{};
};

/// The points of a verification, none of which holds back vacuum for longer than it may: at most
/// sync.snapshotLimit, and half of sync.logRetention, since what has changed between two of them is
/// read from the log.
class SuccessivePoints final : public sync::CommonPoints {
 public:
  SuccessivePoints(Run& run, sync::Direction direction);

  const std::vector<sync::SyncedTable>& tables() const { return present_->tables(); }
  const std::string& last() const { return last_; }
  std::int64_t taken() const { return taken_; }
  /// Of which one may be read in pieces, at several of them; nothing where that can't be.
  std::optional<std::uint64_t> pages_at_a_time(const sync::SyncedTable& table);

  void take();
  void leave() noexcept;
  /// Whether somebody waits or has waited for a lock of the present one, and who.
  bool somebody_waits() { return watch_->somebody_waits(); }
  std::string who() const { return watch_ ? watch_->who() : ""; }

  sync::CommonSnapshot present() override { return present_->snapshot(); }
  bool due() const override;
  bool move_on(const CarryOver& carry_over) override;

 private:
  void note_taken(CommonPoint& point);
  bool take_next();

  Run& run_;
  sync::Direction direction_;
  std::unique_ptr<CommonPoint> present_;
  std::unique_ptr<CommonPoint> next_;
  std::unique_ptr<sync::LockWatch> watch_;
  std::string last_;
  std::int64_t taken_ = 0;
};

}  // namespace crossover::data_sync
