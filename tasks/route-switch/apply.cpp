#include "route-switch/apply.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cutover/abandon.h"
#include "cutover/guard.h"
#include "cutover/route.h"
#include "cutover/switch.h"
#include "kube/evidence.h"
#include "kube/lease.h"
#include "kube/object.h"
#include "postgres/advisory_lock.h"
#include "route-switch/cluster_lock.h"
#include "route-switch/connections.h"
#include "route-switch/guards.h"
#include "route-switch/lead.h"
#include "route-switch/lost_api.h"
#include "route-switch/plan.h"
#include "route-switch/replicas.h"
#include "route-switch/status.h"
#include "route-switch/watch.h"
#include "sync/fingerprint.h"
#include "sync/state.h"

namespace crossover::route_switch {
namespace {

using sync::Side;

// One run of `switch` or `rollback`, with everything that it holds.
class Move {
 public:
  Move(cli::TaskContext& context, Side to)
      : context_(context),
        to_(to),
        accept_loss_(to == Side::old_side && context.options().flag("accept-loss")),
        connections_(context),
        started_(rfc3339(context.clock().wall())) {
    const config::Migration& config = context.config();
    for (const config::Route& route : config.routes) {
      if (!context.options().flag("database-only")) {
        routes_.emplace_back(*connections_.client(), route, connections_.client()->own_namespace());
      }
    }
  }

  cli::Plan plan() {
    PlanInputs inputs;
    inputs.to = to_;
    postgres::Session session = connections_.databases().old_db.open("plan");
    const sync::Migration state =
        sync::require_migration(session, connections_.databases().old_db.describe());
    stored_plan_ = state.moving_to == sync::name(to_) ? state.plan_sha256 : std::string();
    inputs.tables = sync::read_tables(session);
    const std::string fingerprint = sync::fingerprint_sql(inputs.tables);
    inputs.old_fingerprint = session.query(fingerprint).text(0, 0);
    if (accept_loss_) {  // the new database may be gone
      inputs.drained_at =
          cutover::last_drained_at(session, connections_.databases().old_db.describe());
    } else {
      inputs.new_fingerprint =
          connections_.databases().new_db.open("plan").query(fingerprint).text(0, 0);
    }
    inputs.poolers = connections_.fleet().names();
    inputs.images = connections_.images(services_to());
    for (const cutover::RouteControl& route : routes_) {
      inputs.routes.push_back({route.ref().text(), kube::text_at(route.read(), "/metadata/uid")});
    }
    return make_plan(context_.config(), inputs);
  }

  void run() {
    try {
      run_steps();
    } catch (Error& error) {
      if (connections_.client() != nullptr && is_lost_api(error, *connections_.client())) {
        tell_where(error, to_, progress_);
      }
      throw;
    }
  }

  // What `switch` would find now.
  void report_guards() { Guards(context_, connections_, !routes_.empty()).report(); }

 private:
  void run_steps() {
    const cli::Plan plan = this->plan();
    plan_sha256_ = plan.sha256();
    if (!confirmed(plan)) {
      return;
    }
    try {
      lock();
      if (to_ == Side::new_side) {
        Guards(context_, connections_, !routes_.empty()).require();
        lead_routes();
        move_database();
        watch();
      } else {
        move_database();
        lead_routes();
      }
    } catch (const Error& error) {
      record(error.kind() == ErrorKind::rolled_back ? "rolled-back" : "failed", error.text());
      throw;
    }
    if (context_.result().changed()) {
      record("done", {});
    }
  }

  bool confirmed(const cli::Plan& plan) {
    try {
      if (accept_loss_ && !context_.dry_run() && context_.options().text("approved-plan").empty()) {
        throw Error(
            ErrorKind::precondition,
            "unable to run 'route-switch rollback --accept-loss': it needs an approval of "
            "its own, whatever the configuration says",
            fmt::format("look at it with --dry-run, then give --approved-plan {}", plan.sha256()));
      }
      return context_.confirm(plan, stored_plan_);
    } catch (const Error& error) {
      record("refused", error.text());
      throw;
    }
  }

  std::vector<std::string> services_to() const {
    std::vector<std::string> services;
    for (const cutover::RouteControl& route : routes_) {
      services.push_back(to_ == Side::new_side ? route.config().new_service
                                               : route.config().old_service);
    }
    return services;
  }

  // Keeps two runs of one migration apart. What is done is fenced by owner tokens, not by these.
  void lock() {
    const std::string& name = context_.config().name;
    for (const Side side : {Side::old_side, Side::new_side}) {
      try {
        sessions_.push_back(connections_.databases().at(side).open("route-switch"));
      } catch (const Error& error) {
        if (!accept_loss_ || side == Side::old_side) {
          throw;
        }
        context_.log().warning("going on without the new database: {}", error.text());
        continue;
      }
      postgres::lock(sessions_.back(), name, postgres::advisory_key(name));
    }
    if (connections_.client() != nullptr) {
      lease_ = take_lease(context_, *connections_.client(), routes_.empty());
    }
  }

  void lead_routes() {
    if (!routes_.empty()) {
      progress_ = progress_ == Progress::untouched ? Progress::leading : progress_;
      lead_users(context_, connections_, routes_, to_);
    }
  }

  void move_database() {
    cutover::Fleet fleet = connections_.fleet();
    if (to_ == Side::new_side) {
      fleet.ping_check_entries();
    }
    cutover::SwitchOptions options;
    const config::Migration& config = context_.config();
    options.migration = config.name;
    options.to = to_;
    options.plan_sha256 = plan_sha256_;
    options.pause_budget = config.cutover.pause_budget;
    options.sequence_margin = config.sync.sequence_margin;
    options.running_poolers = [this] { return connections_.running_poolers(); };
    const cutover::SwitchReport report =
        accept_loss_ ? cutover::abandon_new(connections_.databases(), fleet, options,
                                            context_.clock(), context_.log())
                     : cutover::run_switch(connections_.databases(), fleet, options,
                                           context_.clock(), context_.log(), context_.stop());
    for (const cutover::SwitchPhase& phase : report.phases) {
      const auto length = std::chrono::duration_cast<Clock::Wall::duration>(phase.duration);
      context_.result().add_phase({phase.name, phase.start, phase.start + length});
      context_.result().set_metric(phase.name + "_seconds", seconds(phase.duration));
    }
    progress_ = Progress::moved;
    if (report.changed) {
      context_.result().set_metric("paused_seconds", seconds(report.paused));
      context_.result().set_metric("last_drain_rows",
                                   static_cast<std::int64_t>(report.last_drain.rows));
      context_.result().add_change("service", "moved",
                                   fmt::format("to the {} database, paused for {:.0f} ms",
                                               sync::name(to_), 1e3 * seconds(report.paused)));
    }
    if (report.changed && accept_loss_) {
      context_.log().warning(
          "what was written to the new database and not carried is in its capture logs: when it "
          "answers again, `data-sync salvage` lists it");
    }
    if (!report.replicas.empty()) {
      report_replicas(context_, report.replicas, to_);
    }
    if (report.changed && !accept_loss_) {
      report_replicas(context_, connections_.databases().at(sync::other(to_)), sync::other(to_));
    }
    if (report.recovered) {
      context_.result().add_change("poolers", "recovered", "from a switch that had not ended");
    }
  }

  // Several failures in a row: back to where it worked, keeping what was written since.
  void watch() {
    if (routes_.empty() || !context_.result().changed()) {
      return;
    }
    const std::string trouble = watch_health(context_, connections_, routes_);
    if (trouble.empty()) {
      return;
    }
    context_.log().warning("rolling back: {}", trouble);
    to_ = Side::old_side;
    move_database();
    lead_routes();
    throw Error(
        ErrorKind::rolled_back, fmt::format("unable to stay on the new database: {}", trouble),
        "the service is on the old database and the old API again, with everything that was "
        "written meanwhile");
  }

  void record_in(Side side, const std::string& outcome, const std::string& detail) noexcept {
    try {
      const nlohmann::json text = {{"to", std::string(sync::name(to_))}, {"detail", detail}};
      postgres::Session session = connections_.databases().at(side).open("evidence");
      sync::append_evidence(session, {"route-switch", context_.verb(), context_.actor(), outcome,
                                      plan_sha256_, started_, text.dump()});
    } catch (const std::exception& error) {
      context_.log().warning("the evidence of the {} database is incomplete: {}", sync::name(side),
                             error.what());
    }
  }

  void record(const std::string& outcome, const std::string& detail) noexcept {
    for (const Side side : {Side::old_side, Side::new_side}) {
      record_in(side, outcome, detail);
    }
    try {
      if (connections_.client() != nullptr) {
        kube::EvidenceLog log(*connections_.client(), {}, context_.config().name);
        log.append({{"step", "route-switch " + context_.verb()},
                    {"start", started_},
                    {"end", rfc3339(context_.clock().wall())},
                    {"actor", context_.actor()},
                    {"plan_sha256", plan_sha256_},
                    {"outcome", outcome},
                    {"detail", detail}});
      }
    } catch (const std::exception& error) {
      context_.log().warning("the evidence log is incomplete: {}", error.what());
    }
  }

  cli::TaskContext& context_;
  Side to_;
  bool accept_loss_;
  Progress progress_ = Progress::untouched;
  Connections connections_;
  std::string started_;
  std::vector<cutover::RouteControl> routes_;
  std::string stored_plan_;
  std::string plan_sha256_;
  std::vector<postgres::Session> sessions_;
  std::unique_ptr<kube::Lease> lease_;
};

void run_guard(cli::TaskContext& context) {
  Connections connections(context);
  cutover::Fleet fleet = connections.fleet();
  if (fleet.size() != 1) {
    throw Error(ErrorKind::usage, "unable to guard: --pooler must name exactly one pooler");
  }
  if (context.options().flag("check")) {
    const auto states = fleet.states(Deadline(context.clock(), std::chrono::seconds(3)));
    if (!states.front().serving) {
      throw Error(ErrorKind::precondition,
                  "unable to serve: the pooler has not been told yet where it leads",
                  "its guard asks the gates of both databases; see the guard's log");
    }
    return;
  }
  cutover::GuardOptions options;
  options.migration = context.config().name;
  const std::string& initial = context.options().text("initial-side");
  if (initial != "unknown") {
    options.initial = initial == "new" ? Side::new_side : Side::old_side;
  }
  cutover::Guard(connections.databases(), std::move(fleet), options, context.clock(), context.log())
      .run(context.stop());
}

}  // namespace

void run(cli::TaskContext& context) {
  if (context.verb() == "guard") {
    run_guard(context);
  } else if (context.verb() == "status") {
    Connections connections(context);
    report_status(context, connections);
  } else if (context.verb() == "plan") {
    Move move(context, Side::new_side);
    context.result().set_plan(move.plan());
    move.report_guards();
  } else if (context.verb() == "switch") {
    Move(context, Side::new_side).run();
  } else {
    Move(context, Side::old_side).run();
  }
}

}  // namespace crossover::route_switch
