#include "data-sync/join.h"

#include <fmt/format.h>

#include "base/error.h"
#include "postgres/advisory_lock.h"
#include "postgres/sqlstate.h"
#include "sync/copy.h"
#include "sync/copy_pieces.h"
#include "sync/position.h"
#include "sync/repair.h"

namespace crossover::data_sync {
namespace {

// Who begins several processes at once must not mind which is the first.
constexpr auto first_patience = std::chrono::seconds(10);
constexpr auto between_looks = std::chrono::milliseconds(50);

}  // namespace

Joiner::Joiner(const Run& run, sync::Direction direction)
    : run_(run),
      direction_(direction),
      target_(run.at(sync::target(direction)).open("join")),
      key_(postgres::advisory_key(run.config().name)) {}

void Joiner::await_copy() {
  const cli::TaskContext& context = run_.context();
  const Deadline deadline(context.clock(), context.timeout(first_patience));
  while (!has_copy()) {
    if (deadline.passed()) {
      require_leader();
    }
    context.stop().throw_if_requested();
    context.clock().sleep(between_looks);
  }
}

// The other may take its time before it copies, where nobody has said how long.
void Joiner::require_leader() const {
  const cli::TaskContext& context = run_.context();
  if (!leader_) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to join the copy of '{}': no `data-sync start` is under way",
                            run_.config().name),
                "run `data-sync start` first, and this beside it");
  }
  if (context.options().given("timeout")) {
    throw Error(ErrorKind::timeout,
                fmt::format("unable to join the copy of '{}': the run that holds the migration's "
                            "lock (backend {}) has not begun to copy within {} s",
                            run_.config().name, *leader_, seconds(context.timeout(first_patience))),
                "look whether it is still at work, or give a longer --timeout");
  }
}

bool Joiner::has_copy() {
  const auto holder = postgres::lock_holder(target_, key_);
  const auto migration = sync::read_migration(target_);
  leader_ = holder ? std::optional(holder->pid) : std::nullopt;
  if (!migration) {
    return false;
  }
  if (!leader_) {
    return everything_copied();
  }
  if (!sync::pieces_published(target_, migration->owner_token)) {
    return false;
  }
  owner_ = migration->owner_token;
  return true;
}

bool Joiner::everything_copied() {
  return !sync::read_tables(target_).empty() && sync::uncopied_tables(target_) == 0;
}

bool Joiner::led(postgres::Session& target) const {
  const auto holder = postgres::lock_holder(target, key_);
  return holder && holder->pid == leader_;
}

void Joiner::copy() {
  if (owner_.empty()) {
    return;
  }
  try {
    copy_pieces();
  } catch (const Error& error) {
    // With the other its snapshots go, and what its successor does is not ours.
    if (!postgres::is_connection_failure(error) && error.kind() != ErrorKind::cancelled) {
      require_end();
    }
    throw;
  }
  require_end();
}

void Joiner::copy_pieces() {
  const cli::TaskContext& context = run_.context();
  const sync::Migration migration =
      sync::require_migration(target_, run_.at(sync::target(direction_)).describe());
  const auto tables = sync::read_tables(target_);
  require_source();
  context.progress().start("pieces of a copy", 0, "rows");
  const sync::CopyReport report =
      sync::join_copy(run_.databases(), direction_, tables, migration.apply_token, owner_,
                      {.bytes_per_second = run_.config().sync.throttle,
                       .workers = static_cast<unsigned>(run_.config().sync.workers)},
                      {context.clock(), context.stop(), context.log(), context.progress()},
                      [this](postgres::Session& target) { return led(target); });
  context.progress().finish();
  context.result().set_metric("rows_copied", static_cast<std::int64_t>(report.rows));
  context.result().set_metric("bytes_copied", static_cast<std::int64_t>(report.bytes));
  if (report.rows > 0) {
    context.result().add_change(
        fmt::format("{} database", sync::name(sync::target(direction_))), "rows",
        fmt::format("copied {} rows for the run that it has joined", report.rows));
  }
}

// The target is the other's, since its lock is there. A source of another configuration would pass
// for the migration's all the more easily as its schema is the same.
void Joiner::require_source() {
  const sync::Side side = sync::source(direction_);
  postgres::Session source = run_.at(side).open("join");
  if (!sync::read_migration(source) || !sync::position_holds(source, target_, direction_) ||
      sync::has_failed_over(source, target_, direction_)) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to join the copy of '{}': '{}' is not the {} database that the "
                            "other process copies from",
                            run_.config().name, run_.at(side).describe(), sync::name(side)),
                fmt::format("give both the same databases.{} in crossover.yaml", sync::name(side)));
  }
}

// The other's end is ours, too, unless all is there.
void Joiner::require_end() {
  if (!led(target_) && !everything_copied()) {
    throw Error(ErrorKind::failure,
                fmt::format("unable to go on with the copy of '{}': the `data-sync start` that it "
                            "had joined has ended",
                            run_.config().name),
                "run `data-sync start` again, which goes on from what is copied, and join that");
  }
}

}  // namespace crossover::data_sync
