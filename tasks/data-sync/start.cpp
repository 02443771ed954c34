#include "data-sync/start.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/stop_point.h"
#include "data-sync/join.h"
#include "data-sync/log_limit.h"
#include "data-sync/plan.h"
#include "data-sync/preflight.h"
#include "data-sync/recorded_schema.h"
#include "data-sync/seed_report.h"
#include "postgres/server_identity.h"
#include "sync/clients.h"
#include "sync/copy.h"
#include "sync/copy_pieces.h"
#include "sync/drain.h"
#include "sync/kept_rows.h"
#include "sync/position.h"
#include "sync/repair.h"
#include "sync/verification.h"

namespace crossover::data_sync {
namespace {

using sync::Direction;
using sync::Side;

constexpr std::string_view doing = "copy from";  // for what the log's limit says

std::string not_certain(std::uint64_t rows) {
  return rows == 0 ? "" : fmt::format(", {} of them not certain to be lost", rows);
}

class Starter {
 public:
  Starter(Run& run, Direction direction) : run_(run), direction_(direction) {}

  cli::Plan plan() {
    run_.require_own({Side::old_side, Side::new_side});
    recorded_ = recorded_tables();
    require_idle_target();
    copies_ = wants_copy();
    survey_ = survey(run_);
    const bool fresh = recorded_.empty();
    if (fresh) {
      postgres::Session session = run_.at(Side::old_side).open("preflight");
      auto questions =
          sync::open_questions(run_.config().sync.answers, sync::read_clients(session));
      std::move(questions.begin(), questions.end(), std::back_inserter(survey_.findings));
      report_findings(run_, survey_.findings);
      recorded_ = survey_.tables;
    }
    if (direction_ == Direction::forward && (fresh || !begun())) {
      accepted_ = require_no_seed_conflicts(run_, survey_, direction_);
    }
    require_same_tables();
    if (copies_) {
      note_accepted(run_, recorded_, accepted_);
    }
    return plan_start({.migration = run_.config().name,
                       .direction = direction_,
                       .old_system = survey_.old_system,
                       .new_system = survey_.new_system,
                       .schema_sha256 = survey_.schema_sha256,
                       .tables = recorded_,
                       .copies = copies_},
                      run_.config().sync);
  }

  void apply(const cli::Plan& plan) {
    // Under the locks, so that it stays so.
    {
      postgres::Session session = run_.at(Side::old_side).open("start");
      sync::require_kept(session, "start");
    }
    require_idle_target();
    if (wants_copy() != copies_) {
      throw Error(ErrorKind::precondition,
                  "unable to start: the service has moved since this was planned",
                  "run the same command again");
    }
    require_planned_schema(run_, recorded_);
    install_state();
    if (direction_ == Direction::forward) {
      install_gates();
    }
    install_capture();
    stop_point("start-installed");
    bring_rows();
    finish(plan);
  }

 private:
  std::vector<sync::SyncedTable> recorded_tables() {
    postgres::Session session = run_.at(Side::old_side).open("start");
    sync::require_kept(session, "start");
    return sync::read_migration(session) ? sync::read_tables(session)
                                         : std::vector<sync::SyncedTable>{};
  }

  // From the first position on the target's gate is closed, so it has no rows but those it was
  // looked through for and those that came from the source; also when a finish has taken the
  // position away.
  bool begun() {
    postgres::Session target = run_.at(Side::new_side).open("start");
    return sync::read_migration(target) &&
           target
               .query(
                   "SELECT EXISTS (SELECT FROM crossover.position WHERE direction = 'forward') "
                   "OR EXISTS (SELECT FROM crossover.synced_table WHERE copied_rows IS NOT NULL)")
               .boolean(0, 0);
  }

  // Forward a copy empties and closes the new database, so the service must not live there. (In
  // reverse nothing is copied while it lives on the old one.)
  void require_idle_target() {
    if (direction_ == Direction::forward && !copied_and_followed() &&
        run_.live_side() == Side::new_side) {
      throw Error(ErrorKind::precondition,
                  "unable to copy to the new database: the service lives there",
                  "`data-sync start --reverse` carries what is written there to the old database; "
                  "`route-switch rollback` goes back to it");
    }
  }

  // The ids of the tables name logs and functions in both databases.
  void require_same_tables() {
    postgres::Session session = run_.at(Side::new_side).open("start");
    if (!sync::read_migration(session)) {
      return;
    }
    const auto known = sync::read_tables(session);
    if (!known.empty() && known != recorded_) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to start migration '{}': the new database remembers an "
                              "earlier start with other tables, columns or policies",
                              run_.config().name),
                  "run `data-sync remove --side new --open-closed-side` first");
    }
  }

  // Whether the target has all rows and a position from which draining may go on.
  bool copied_and_followed() {
    postgres::Session source = run_.at(sync::source(direction_)).open("start");
    postgres::Session target = run_.at(sync::target(direction_)).open("start");
    return sync::read_migration(source) && sync::read_migration(target) &&
           sync::capture_stands(source, sync::read_tables(source)) &&
           sync::position_holds(source, target, direction_) && sync::uncopied_tables(target) == 0;
  }

  // Forward always brings the rows; reverse only when the new side is live and nothing has carried
  // its changes since.
  bool wants_copy() {
    if (direction_ == Direction::forward) {
      return true;
    }
    if (recorded_.empty()) {
      throw Error(ErrorKind::precondition,
                  "unable to start in reverse: nothing was started forward",
                  "run `data-sync start` first");
    }
    if (run_.live_side() == Side::old_side) {
      postgres::Session forward_target = run_.at(Side::new_side).open("start");
      require_copied(forward_target, Direction::forward);
    }
    return run_.live_side() == Side::new_side && !copied_and_followed();
  }

  void install_state() {
    Secret apply_token;
    for (const Side side : {Side::old_side, Side::new_side}) {
      if (const auto present = run_.facts(side).migration) {
        apply_token = present->apply_token;
      }
    }
    if (apply_token.empty()) {
      apply_token = Secret(sync::new_token());
    }
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = run_.at(side).open("start");
      const bool fresh = !sync::read_migration(session);
      sync::install_state(session, run_.config().name, side, apply_token);
      if (fresh) {
        changed("state", side, "created");
      }
      sync::record_tables(session, recorded_, run_.config().sync.schemas);
      stop_point("start-recorded");
    }
    apply_token_ = apply_token;
    stop_point("start-state");
  }

  void install_gates() {
    const bool moved = run_.facts(Side::new_side).gate == sync::GateState::open;
    for (const Side side : {Side::new_side, Side::old_side}) {
      postgres::Session session = run_.at(side).open("start");
      const bool closed = (side == Side::new_side) != moved;
      if (sync::install_gate(session, recorded_, apply_token_, closed, run_.install_context()) >
          0) {
        changed("gate", side, closed ? "closed" : "open");
      }
    }
    stop_point("start-gates");
  }

  void install_capture() {
    const Side side = sync::source(direction_);
    postgres::Session source = run_.at(side).open("start");
    postgres::Session target = run_.at(sync::target(direction_)).open("start");
    require_recorded_schema(run_, source, direction_, recorded_);
    const int installed =
        sync::install_capture(source, recorded_, apply_token_, run_.install_context());
    if (installed > 0) {
      changed("capture", side, fmt::format("on {} tables", installed));
    }
    if (sync::position_holds(source, target, direction_)) {
      return;
    }
    // The position and what is to be copied are one decision: what was written before it, and not
    // captured, only a copy brings. And what only the target has of a source that was lost is
    // known by the position that goes.
    postgres::Transaction transaction(target);
    if (copies_ && sync::is_another_source(source, target, direction_)) {
      save_lost_rows(source, target);
    }
    if (copies_ && direction_ == Direction::reverse) {
      sync::forget_kept_rows(source);
    }
    sync::start_position(source, target, direction_, recorded_);
    require_recorded_schema(run_, source, direction_, recorded_);
    target.query(fmt::format("UPDATE crossover.synced_table SET copied = {}, start_snapshot = NULL",
                             !copies_));
    transaction.commit();
    changed("position", sync::target(direction_), std::string(sync::name(direction_)));
    stop_point("start-captured");
  }

  void save_lost_rows(postgres::Session& source, postgres::Session& target) {
    const Side side = sync::target(direction_);
    for (const sync::RepairedTable& table : sync::save_lost_rows(
             source, target, run_.at(side), direction_, recorded_, run_.context().stop())) {
      changed("rows", side,
              fmt::format("{}: {} rows saved in crossover.saved_row, since the {} database has "
                          "failed over{}",
                          table.table.text(), table.saved, sync::name(sync::source(direction_)),
                          not_certain(table.uncertain)));
    }
    stop_point("start-saved");
  }

  // As owner and drainer: a follower that is under way ends.
  void take_over() {
    owner_ = sync::new_token();
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = run_.at(side).open("start");
      sync::take_owner(session, owner_);
      sync::take_drainer(session, owner_);
      sync::forget_verification(session, direction_);
      stop_point("start-owned");
    }
  }

  // Hours, in which nobody drains until the last of it.
  void bring_rows() {
    require_log_below_limit(run_, direction_, doing);
    LogWatch watch(run_, direction_);
    stop_ = &watch.stop();
    complete_copy();
    follow_failover();
    if (!owner_.empty()) {
      first_drains();
    }
    watch.end();
    stop_->throw_if_requested();
  }

  // A run that was lost after the last of its rows has left the statistics to do.
  void complete_copy() {
    bool waits_for_rows = false;
    bool waits_for_statistics = false;
    {
      postgres::Session target = run_.at(sync::target(direction_)).open("start");
      waits_for_rows = copies_ && sync::uncopied_tables(target) > 0;
      waits_for_statistics = sync::pieces_listed(target);
    }
    if (waits_for_rows) {
      copy();
    } else if (waits_for_statistics) {
      analyze();
    }
  }

  sync::CopyContext surroundings() const {
    const cli::TaskContext& context = run_.context();
    return {context.clock(), *stop_, context.log(), context.progress()};
  }

  void copy() {
    take_over();
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = run_.at(side).open("start");
      sync::set_phase(session, owner_, "copying");
      stop_point("start-copying");
    }
    const cli::TaskContext& context = run_.context();
    const auto start = context.clock().now();
    const sync::CopyReport report =
        sync::copy_tables(run_.databases(), direction_, recorded_, apply_token_, owner_,
                          {.bytes_per_second = run_.config().sync.throttle,
                           .workers = static_cast<unsigned>(run_.config().sync.workers),
                           .snapshot_limit = run_.config().sync.snapshot_limit},
                          surroundings());
    const double took = seconds(context.clock().now() - start);
    context.result().set_metric("tables_copied", static_cast<std::int64_t>(report.tables));
    context.result().set_metric("rows_copied", static_cast<std::int64_t>(report.rows));
    context.result().set_metric("bytes_copied", static_cast<std::int64_t>(report.bytes));
    context.result().set_metric("copy_seconds", took);
    context.log().info("copied {} rows of {} tables in {:.1f} s", report.rows, report.tables, took);
    stop_point("start-copied");
    analyze();
    changed("rows", sync::target(direction_), fmt::format("copied {} tables", report.tables));
  }

  // Where the service lives by now autovacuum has been there, and a refreshed view would lock.
  void analyze() {
    const Side side = sync::target(direction_);
    if (run_.live_side() != side) {
      sync::analyze_tables(run_.at(side), apply_token_, recorded_, surroundings());
      stop_point("start-analyzed");
    }
    postgres::Session target = run_.at(side).open("start");
    sync::forget_pieces(target);
  }

  // The transaction ids that the position speaks of are the former timeline's.
  void follow_failover() {
    const Side side = sync::source(direction_);
    postgres::Session source = run_.at(side).open("start");
    postgres::Session target = run_.at(sync::target(direction_)).open("start");
    if (!sync::has_failed_over(source, target, direction_)) {
      return;
    }
    take_over();
    run_.context().log().warning("the {} database has failed over", sync::name(side));
    if (run_.live_side() == side) {
      repair();
      return;
    }
    // Behind a closed gate nothing was written but what came from the live side.
    postgres::Transaction transaction(target);
    sync::require_owner(target, owner_);
    sync::start_position(source, target, direction_, recorded_);
    require_recorded_schema(run_, source, direction_, recorded_);
    transaction.commit();
    stop_point("start-moved");
    changed("position", sync::target(direction_), "moved to the new timeline");
  }

  void repair() {
    {
      postgres::Session source = run_.at(sync::source(direction_)).open("start");
      require_recorded_schema(run_, source, direction_, recorded_);
    }
    const auto repaired = sync::repair_after_failover(run_.databases(), direction_, recorded_,
                                                      apply_token_, owner_, surroundings());
    for (const sync::RepairedTable& table : repaired) {
      changed("rows", sync::target(direction_),
              fmt::format("{}: {} rows brought from the {} database after its failover, {} rows "
                          "saved in crossover.saved_row{}",
                          table.table.text(), table.brought, sync::name(sync::source(direction_)),
                          table.saved, not_certain(table.uncertain)));
    }
    changed("position", sync::target(direction_), "moved to the new timeline");
  }

  // What was written during the copy is carried at once, so that a later follow begins near the
  // present.
  void first_drains() {
    sync::Drain drain(run_.databases(), direction_, recorded_, apply_token_, owner_,
                      run_.context().log());
    if (direction_ == Direction::reverse) {
      drain.keep_sequences_ahead(run_.config().sync.sequence_margin);
    }
    for (int i = 0; i < 10; ++i) {
      stop_->throw_if_requested();
      const sync::DrainReport report = drain.run();
      stop_point("start-drained");
      if (report.keys < 100) {
        break;
      }
    }
    drain.mark_carried();
    stop_point("start-marked");
  }

  void finish(const cli::Plan& plan) {
    const std::string hash = plan.sha256();
    for (const Side side : {Side::old_side, Side::new_side}) {
      postgres::Session session = run_.at(side).open("start");
      const sync::Migration migration = *sync::read_migration(session);
      if (migration.phase == "installed" || migration.phase == "copying") {
        const std::string token = sync::new_token();
        sync::take_owner(session, token);
        sync::set_plan(session, token, hash);
        sync::set_phase(session, token, "following");
        stop_point("start-finished");
      }
    }
  }

  void changed(std::string_view what, Side side, std::string detail) {
    run_.context().result().add_change(fmt::format("{} database", sync::name(side)),
                                       std::string(what), std::move(detail));
  }

  Run& run_;
  Direction direction_;
  bool copies_ = true;
  Survey survey_;
  AcceptedRowsByTable accepted_;
  std::vector<sync::SyncedTable> recorded_;
  Secret apply_token_;
  std::string owner_;
  const StopRequest* stop_ = nullptr;  // while rows are brought
};

// Whatever a start fails with, nobody drains after it, so the log grows all the more. Not where
// another process is at work.
template <typename Body>
auto spare_service(const Run& run, Direction direction, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::locked && !run.context().dry_run()) {
      require_log_below_limit(run, direction, doing);
    }
    throw;
  }
}

}  // namespace

void require_copied(postgres::Session& target, Direction direction) {
  if (const std::int64_t missing = sync::uncopied_tables(target); missing > 0) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to carry changes to the {} database: {} of {} tables are not "
                    "copied",
                    sync::name(sync::target(direction)), missing, sync::read_tables(target).size()),
        direction == Direction::forward ? "run `data-sync start` to its end first"
                                        : "run `data-sync start --reverse` to its end first");
  }
}

void start(Run& run) {
  const Direction direction =
      run.context().options().flag("reverse") ? Direction::reverse : Direction::forward;
  Starter starter(run, direction);
  const std::vector<Side> sides = {Side::old_side, Side::new_side};
  if (run.context().options().flag("join")) {
    Joiner joiner(run, direction);
    // Not planned before: an empty new database would be looked through while it is being filled.
    const auto plan = [&] {
      joiner.await_copy();
      return starter.plan();
    };
    run.beside(sides, plan, [&](const cli::Plan&) { joiner.copy(); });
    return;
  }
  run.changing(
      sides, [&] { return spare_service(run, direction, [&] { return starter.plan(); }); },
      [&](const cli::Plan& plan) { spare_service(run, direction, [&] { starter.apply(plan); }); });
}

}  // namespace crossover::data_sync
