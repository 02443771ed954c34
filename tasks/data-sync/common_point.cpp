#include "data-sync/common_point.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/start.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;

constexpr int most_attempts = 50;

std::vector<sync::SyncedTable> tables_of(Run& run, postgres::Session& target, Direction direction) {
  run.require_own({sync::source(direction)});
  run.require_migration(target, sync::target(direction));
  return sync::read_tables(target);
}

// Whether the snapshot that `target` has just taken is exactly what the drain left: a follower may
// have drained in between.
bool stands_at(postgres::Session& target, Direction direction, const std::string& point) {
  const postgres::Rows rows =
      target.query("SELECT snapshot::text FROM crossover.position WHERE direction = $1",
                   {std::string(sync::name(direction))});
  return rows.size() == 1 && rows.text(0, 0) == point;
}

}  // namespace

CommonPoint::CommonPoint(Run& run, Direction direction)
    : run_(run),
      direction_(direction),
      target_(run.at(sync::target(direction)).open("verify")),
      tables_(tables_of(run, target_, direction)) {
  postgres::Session old_side = run.at(Side::old_side).open("verify");
  sync::require_kept(old_side, "verify");
  require_copied(target_, direction);
}

void CommonPoint::take() {
  leave();
  since_ = run_.context().clock().now();
  stop_point("verify-point");
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    run_.context().stop().throw_if_requested();
    const std::optional<std::string> point = drain_once();
    if (!point) {
      continue;
    }
    snapshot_.emplace(target_, postgres::one_snapshot);
    if (stands_at(target_, direction_, *point)) {
      point_ = *point;
      return;
    }
    snapshot_.reset();
  }
  throw Error(ErrorKind::timeout,
              fmt::format("unable to verify: no common point of both databases in {} drains",
                          most_attempts),
              "stop other drainers (`data-sync follow`), then run `data-sync verify` again");
}

void CommonPoint::leave() noexcept {
  snapshot_.reset();
  if (drain_) {
    drain_->rollback();
  }
}

sync::CommonSnapshot CommonPoint::snapshot() {
  if (!drain_) {
    throw std::logic_error("no common point of both databases was taken");
  }
  return {drain_->source_session(), target_, point_};
}

std::unique_ptr<sync::LockWatch> CommonPoint::watch() {
  return std::make_unique<sync::LockWatch>(std::vector<sync::LockWatch::Reader>{
      {run_.at(sync::source(direction_)), drain_->source_session()},
      {run_.at(sync::target(direction_)), target_}});
}

void CommonPoint::limit_waits(std::string_view timeout) {
  for (postgres::Session* session : {&drain_->source_session(), &target_}) {
    session->batch(fmt::format("SET LOCAL lock_timeout = '{}'", timeout));
  }
}

// Drains in the name of whoever is the drainer, which stays it. Nothing when another became the
// drainer in between, as when `data-sync follow` has just begun. A switch under way is left in
// peace.
std::optional<std::string> CommonPoint::drain_once() {
  if (!drain_) {
    const sync::Migration migration =
        sync::require_migration(target_, run_.at(sync::target(direction_)).describe());
    if (!migration.moving_to.empty()) {
      throw Error(ErrorKind::locked, "unable to verify: a switch is under way",
                  "run `data-sync verify` again when `route-switch status` shows that it ended");
    }
    drain_.emplace(run_.databases(), direction_, tables_, migration.apply_token,
                   migration.drainer_token, run_.context().log());
    if (direction_ == Direction::reverse) {
      drain_->keep_sequences_ahead(run_.config().sync.sequence_margin);
    }
  }
  try {
    return drain_->run_keeping_snapshot().snapshot;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::locked) {
      throw;
    }
    drain_.reset();
    return std::nullopt;
  }
}

namespace {

/// Servers before read a range of pages by reading all of them.
constexpr int reads_page_ranges = 140000;

// 0: for as long as it takes.
Duration longest_hold(const config::Sync& settings) {
  return std::min(settings.snapshot_limit, settings.log_retention / 2);
}

}  // namespace

SuccessivePoints::SuccessivePoints(Run& run, Direction direction)
    : run_(run), direction_(direction), present_(std::make_unique<CommonPoint>(run, direction)) {}

// 8 MiB to 1 GiB: a table of less is read at once, and one that is read for hours can be parted
// with every few seconds.
std::optional<std::uint64_t> SuccessivePoints::pages_at_a_time(const sync::SyncedTable& table) {
  constexpr std::uint64_t fewest = 1024;
  constexpr std::uint64_t most = 131072;
  const sync::CommonSnapshot now = present();
  const auto cuts = [](const postgres::Session& session) {
    return session.server_version() >= reads_page_ranges;
  };
  if (longest_hold(run_.config().sync) == Duration() || table.keyless() || !cuts(now.source) ||
      !cuts(now.target)) {
    return std::nullopt;
  }
  const std::uint64_t pages = sync::pages_of(now.source, table);
  return pages < 2 * fewest ? std::nullopt : std::optional(std::clamp(pages / 64, fewest, most));
}

void SuccessivePoints::take() {
  leave();
  present_->take();
  note_taken(*present_);
}

void SuccessivePoints::note_taken(CommonPoint& point) {
  watch_ = point.watch();
  last_ = point.snapshot().point;
  ++taken_;
}

void SuccessivePoints::leave() noexcept {
  watch_.reset();  // which cancels as long as it is there
  present_->leave();
  if (next_) {
    next_->leave();
  }
}

bool SuccessivePoints::due() const {
  const Duration longest = longest_hold(run_.config().sync);
  return longest != Duration() && run_.context().clock().now() - present_->since() >= longest;
}

// Before the present one ends. Somebody may wait for a lock of that one meanwhile, and the drain
// behind them: then it ends at once, and false is returned.
bool SuccessivePoints::take_next() {
  if (!next_) {
    next_ = std::make_unique<CommonPoint>(run_, direction_);
  }
  bool held = true;
  auto taking = std::async(std::launch::async, [this] { next_->take(); });
  while (taking.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    if (held && watch_->somebody_waits()) {
      present_->leave();
      held = false;
    }
  }
  taking.get();
  return held;
}

bool SuccessivePoints::move_on(const CarryOver& carry_over) {
  bool carried = take_next();
  // Later the log may have lost what a follower has carried since.
  carried = carried &&
            run_.context().clock().now() - present_->since() < run_.config().sync.log_retention;
  if (carried) {
    next_->limit_waits(
        "1s");  // behind somebody who waits for the present one, it would be for ever
    carried = carry_over(present_->snapshot(), next_->snapshot());
    next_->limit_waits("0");
  }
  present_->leave();
  if (!carried) {
    next_->leave();
    return false;
  }
  std::swap(present_, next_);
  note_taken(*present_);
  stop_point("verify-moved-on");
  return true;
}

}  // namespace crossover::data_sync
