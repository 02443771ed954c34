#include "db-provision/apply.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "db-provision/home.h"
#include "db-provision/migrate.h"
#include "db-provision/plan.h"
#include "db-provision/rollout.h"
#include "db-provision/stages.h"
#include "db-provision/stay.h"
#include "kube/object.h"
#include "kube/wait_ready.h"
#include "resources/load.h"
#include "resources/render.h"
#include "resources/step.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

class Apply {
 public:
  Apply(cli::TaskContext& context, kube::Client& client, ApplyGoal goal)
      : context_(context),
        client_(client),
        config_(context.config()),
        goal_(goal),
        deadline_(context.clock(), context.timeout(config_.provision.timeout)) {}

  cli::Plan plan() {
    const std::string& ns = client_.own_namespace();
    const std::vector<std::string> places = namespaces_of(config_, ns);
    stages_.clear();
    for (Stage& stage : desired_stages(config_, goal_.way, ns, &client_, context_.log())) {
      resources::ObjectSet set(config_.name, stage.set, std::move(stage.objects));
      resources::SetState state = resources::observe(client_, set, places, context_.log());
      for (const json& kept : keep_what_holds_data(state)) {
        context_.log().warning("'{}' left the sources and is kept: it holds data",
                               kube::ref_of(kept).text());
      }
      stages_.push_back({stage.set, std::move(set), std::move(state)});
    }
    return plan_apply(config_, goal_, stages_);
  }

  void run() {
    if (goal_.adopt_history) {
      context_.phase("adopt_history", [&] { adopt_history(context_, client_, deadline_.left()); });
    }
    for (const ObservedStage& stage : stages_) {
      if (stage.name == "api" || stage.name == "home-api") {
        before_api();
      }
      if (!stage.set.objects().empty() || !stage.state.stale.empty()) {
        context_.phase(stage.name, [&] { bring_up(stage); });
      }
      if (stage.name == "database" && config_.databases.new_side) {
        before_ = await_database(context_, client_, config_.provision, deadline_.left());
      }
    }
    if (goal_.way == Way::out && config_.databases.new_side) {
      report_history(context_, client_, before_, deadline_.left());
    }
  }

 private:
  void before_api() {
    if (goal_.way == Way::out && config_.provision.flyway.runner == config::FlywayRunner::local) {
      context_.phase("flyway", [&] { migrate_locally(context_, client_, deadline_.left()); });
    }
  }

  void bring_up(const ObservedStage& stage) {
    context_.stop().throw_if_requested();
    if (stage.name == "flyway") {
      clear_old_jobs(client_, stage, context_.clock(), context_.stop());
    }
    resources::ApplyLimits limits;
    limits.force = goal_.force;
    limits.delete_timeout = deadline_.left();
    const std::vector<kube::Applied> applied =
        resources::apply(client_, stage.set, stage.state, limits, context_.clock(), context_.log(),
                         context_.stop(), context_.result());
    retry_failed_rollouts(client_, stage, applied, context_.log(), context_.result());
    kube::wait_ready(client_, stage.set.objects(), deadline_.left(), context_.clock(),
                     context_.log(), context_.stop());
  }

  cli::TaskContext& context_;
  kube::Client& client_;
  const config::Migration& config_;
  ApplyGoal goal_;
  Deadline deadline_;
  std::vector<ObservedStage> stages_;
  std::optional<flyway::History> before_;
};

void render(cli::TaskContext& context, Way way) {
  if (resources::renders_template(context)) {
    resources::render_template(context);
    return;
  }
  std::vector<json> objects;
  if (context.options().flag("stay")) {
    objects = resources::load_all(context.config().provision.stay,
                                  {.ns = context.namespace_name(), .client = nullptr});
    resources::render_objects(context, objects);
    return;
  }
  for (Stage& stage :
       desired_stages(context.config(), way, context.namespace_name(), nullptr, context.log())) {
    std::ranges::move(stage.objects, std::back_inserter(objects));
  }
  resources::render_objects(context, objects);
}

ApplyGoal goal_of(const cli::TaskContext& context) {
  const cli::Options& options = context.options();
  if (options.flag("adopt-history") && !options.flag("home")) {
    throw Error(ErrorKind::usage, "unable to use '--adopt-history': it goes with --home",
                "the old database gets Flyway's history when the service comes home");
  }
  return {options.flag("home") ? Way::home : Way::out, options.flag("adopt-history"),
          options.flag("force-conflicts")};
}

}  // namespace

void apply(cli::TaskContext& context) {
  const bool home = context.options().flag("home");
  if (!resources::renders_template(context) && !resources::renders(context) &&
      context.options().flag("stay")) {
    stay(context);
    return;
  }
  if (resources::renders_template(context) || resources::renders(context)) {
    render(context, home ? Way::home : Way::out);
    return;
  }
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  Apply run(context, *client, goal_of(context));
  resources::run_step(
      context, *client, [&] { return run.plan(); }, [&](const cli::Plan& /*plan*/) { run.run(); });
}

}  // namespace crossover::db_provision
