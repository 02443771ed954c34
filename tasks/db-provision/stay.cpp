#include "db-provision/stay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/retry.h"
#include "cutover/route.h"
#include "db-provision/migrate.h"
#include "db-provision/references.h"
#include "db-provision/rollout.h"
#include "db-provision/stay_plan.h"
#include "db-provision/surroundings.h"
#include "kube/cleanup.h"
#include "kube/gitops.h"
#include "kube/object.h"
#include "kube/wait_ready.h"
#include "resources/load.h"
#include "resources/step.h"
#include "sync/state.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& cause, std::string hint) {
  throw Error(ErrorKind::precondition, "unable to stay on the new set: " + cause, std::move(hint));
}

StayFacts facts_of(cli::TaskContext& context, kube::Client& client,
                   const std::optional<config::Database>& database, const std::string& key) {
  StayFacts facts;
  try {
    const postgres::Endpoint endpoint(context.config().require(database, key), key,
                                      reach(context, client));
    postgres::Session session = endpoint.open("stay");
    const auto row = sync::read_migration(session);
    facts.phase = row ? row->phase : std::string();
    facts.gate = sync::gate_state(session);
    facts.reachable = true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::usage) {
      throw;
    }
    context.log().warning("{}", error.text());
  }
  return facts;
}

// The selector by which a workload has its pods: a map of a DeploymentConfig, else matchLabels.
std::string pods_of(const json& workload) {
  const json& labels = kube::at(workload, "/spec/selector/matchLabels");
  if (labels.is_object()) {
    return kube::selector_text(labels);
  }
  const bool config = kube::text_at(workload, "/kind") == "DeploymentConfig";
  return config ? kube::selector_text(kube::at(workload, "/spec/selector")) : std::string();
}

class Stay {
 public:
  Stay(cli::TaskContext& context, kube::Client& client)
      : context_(context),
        client_(client),
        config_(context.config()),
        goal_({.way = Way::out,
               .adopt_history = false,
               .force = context.options().flag("force-conflicts")}),
        places_(namespaces_of(config_, client.own_namespace())),
        deadline_(context.clock(), context.timeout(config_.provision.timeout)) {}

  cli::Plan plan() {
    std::vector<json> objects = resources::load_all(
        config_.provision.stay, {.ns = client_.own_namespace(), .client = &client_});
    require_without_temporary(objects, config_);
    resources::ObjectSet set(config_.name, stay_set, std::move(objects));
    resources::SetState state = resources::observe(client_, set, places_, context_.log());
    for (const json& kept : keep_what_holds_data(state)) {
      context_.log().warning("'{}' left the sources and is kept: it holds data",
                             kube::ref_of(kept).text());
    }
    stage_.emplace(ObservedStage{stay_set, std::move(set), std::move(state)});
    going_ = temporary_objects();
    std::vector<json> unlabel = sort_labelled(labelled(), going_, config_).unlabel;
    std::erase_if(unlabel, [this](const json& object) { return is_applied(object); });
    for (const json& object : unlabel) {
      kube::refuse_gitops_owned(object);
    }
    if (!going_.empty() || !unlabel.empty() || !applied_before()) {
      require_ended();
    }
    return plan_stay(config_, goal_, *stage_, going_, unlabel);
  }

  void run() {
    context_.phase(stay_set, [this] { roll(); });
    context_.phase("pooler", [this] { take_pooler_away(); });
    context_.phase("label", [this] { take_label_off(); });
  }

 private:
  // The pooler, the check copy and Flyway's Job, as they were applied.
  std::vector<json> temporary_objects() {
    std::vector<json> found;
    for (const char* set : {"pooler", "check", "flyway"}) {
      std::ranges::move(resources::members(client_, config_.name, set, places_, context_.log()),
                        std::back_inserter(found));
    }
    return found;
  }

  std::vector<json> labelled() {
    std::vector<json> found;
    if (config_.temporary_label.empty()) {
      return found;
    }
    for (const std::string& ns : places_) {
      std::ranges::move(
          kube::select_all_by_label(client_, config_.temporary_label, ns, context_.log()),
          std::back_inserter(found));
    }
    return found;
  }

  // Whether an object is one of provision.stay, which get their labels from there.
  bool is_applied(const json& object) const {
    const kube::Ref ref = kube::ref_of(object);
    return std::ranges::any_of(stage_->set.objects(), [&](const json& other) {
      const kube::Ref applied = kube::ref_of(other);
      return applied.kind == ref.kind && applied.name == ref.name && applied.ns == ref.ns;
    });
  }

  bool applied_before() const {
    return std::ranges::all_of(stage_->state.live, [this](const std::optional<json>& live) {
      return live && kube::label(*live, resources::set_label) ==
                         fmt::format("{}.{}", config_.name, stay_set);
    });
  }

  void require_ended() {
    const std::string objection =
        stay_objection(facts_of(context_, client_, config_.databases.old_side, "databases.old"),
                       facts_of(context_, client_, config_.databases.new_side, "databases.new"));
    if (!objection.empty()) {
      refuse(objection,
             "switch, then end the possibility of rolling back by `data-sync finish`: without the "
             "pooler there is no way back");
    }
    for (const config::Route& route : config_.routes) {
      if (!cutover::RouteControl(client_, route, client_.own_namespace()).leads_to_new()) {
        refuse(
            fmt::format("route '{}' does not lead to service '{}'", route.name, route.new_service),
            "run `route-switch switch` first");
      }
    }
  }

  void roll() {
    context_.stop().throw_if_requested();
    resources::ApplyLimits limits;
    limits.force = goal_.force;
    limits.delete_timeout = deadline_.left();
    const std::vector<kube::Applied> applied =
        resources::apply(client_, stage_->set, stage_->state, limits, context_.clock(),
                         context_.log(), context_.stop(), context_.result());
    retry_failed_rollouts(client_, *stage_, applied, context_.log(), context_.result());
    kube::wait_ready(client_, stage_->set.objects(), deadline_.left(), context_.clock(),
                     context_.log(), context_.stop());
  }

  // A pod that is ending its requests still has its connections through the pooler.
  void await_ended_pods() {
    std::string last;
    const bool ended = poll(context_.clock(), context_.stop(), deadline_.left(),
                            std::chrono::milliseconds(500), [&] {
                              const std::string now = ending_pod();
                              if (!now.empty() && now != last) {
                                context_.log().info("waiting for '{}' to end its requests", now);
                              }
                              last = now;
                              return now.empty();
                            });
    context_.stop().throw_if_requested();
    if (!ended) {
      throw Error(ErrorKind::timeout,
                  fmt::format("unable to take the pooler away: '{}' has not ended yet", last),
                  "the service runs on the new database directly; run this step again");
    }
  }

  std::string ending_pod() {
    for (const json& workload : stage_->set.objects()) {
      const std::string selector = pods_of(workload);
      if (selector.empty()) {
        continue;
      }
      for (const json& pod :
           client_.list("v1", "Pod", selector, kube::text_at(workload, "/metadata/namespace"))
               .items) {
        if (!kube::text_at(pod, "/metadata/deletionTimestamp").empty()) {
          return kube::ref_of(pod).text();
        }
      }
    }
    return {};
  }

  void take_pooler_away() {
    if (going_.empty()) {
      return;
    }
    await_ended_pods();
    const std::vector<Reference> references =
        references_into(going_, read_surroundings(client_, places_), config_.route_names());
    if (!references.empty()) {
      refuse(fmt::format("'{}' leads to '{}'", references.front().from, references.front().to),
             "lead it to the new database, then run this step again");
    }
    resources::remove(client_, going_, deadline_.left(), context_.clock(), context_.log(),
                      context_.stop(), context_.result());
  }

  void take_label_off() {
    const std::string key = config_.temporary_label.substr(0, config_.temporary_label.find('='));
    // What an owner hid before it lost the label is found in the next round.
    constexpr int most_rounds = 5;
    Labelled sorted = sort_labelled(labelled(), going_, config_);
    for (int round = 0; !sorted.unlabel.empty() && round < most_rounds; ++round) {
      for (const json& object : sorted.unlabel) {
        context_.stop().throw_if_requested();
        const kube::Ref ref = kube::ref_of(object);
        client_.patch(ref, {{"metadata", {{"labels", {{key, nullptr}}}}}});
        context_.result().add_change(ref.text(), "unlabelled", config_.temporary_label);
      }
      sorted = sort_labelled(labelled(), going_, config_);
    }
    std::vector<std::string> left;
    for (const json& object : sorted.left) {
      left.push_back(kube::ref_of(object).text());
    }
    context_.result().add_check(
        "temporary label", left.empty() ? cli::CheckOutcome::pass : cli::CheckOutcome::warn,
        left.empty() ? std::string("nothing bears it any more")
                     : fmt::format("still on {}: workloads gave it to them and may find them by "
                                   "it; change their own templates when a restart suits you",
                                   fmt::join(left, ", ")));
  }

  cli::TaskContext& context_;
  kube::Client& client_;
  const config::Migration& config_;
  ApplyGoal goal_;
  std::vector<std::string> places_;
  Deadline deadline_;
  std::optional<ObservedStage> stage_;
  std::vector<json> going_;
};

}  // namespace

void stay(cli::TaskContext& context) {
  if (context.options().flag("home")) {
    throw Error(ErrorKind::usage, "unable to use '--stay' with '--home'",
                "the service either stays on the new set or goes home");
  }
  if (context.config().provision.stay.empty()) {
    throw Error(
        ErrorKind::usage,
        fmt::format("unable to use '{}': 'provision.stay' is missing", context.config().file),
        "give it the templates of the new API without pooler and temporary label");
  }
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  Stay run(context, *client);
  resources::run_step(
      context, *client, [&] { return run.plan(); }, [&](const cli::Plan& /*plan*/) { run.run(); });
}

}  // namespace crossover::db_provision
