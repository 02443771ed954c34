#include "db-provision/remove.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "db-provision/migrate.h"
#include "db-provision/plan.h"
#include "db-provision/references.h"
#include "db-provision/stages.h"
#include "db-provision/surroundings.h"
#include "kube/cleanup.h"
#include "kube/object.h"
#include "resources/step.h"
#include "sync/gate.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

std::optional<sync::GateState> gate_of(cli::TaskContext& context, kube::Client& client,
                                       const std::optional<config::Database>& database,
                                       const std::string& key) {
  if (!database) {
    return sync::GateState::absent;
  }
  try {
    const postgres::Endpoint endpoint(*database, key, reach(context, client));
    postgres::Session session = endpoint.open("remove");
    return sync::gate_state(session);
  } catch (const Error& error) {
    context.log().warning("{}", error.text());
    return std::nullopt;
  }
}

void refuse_while_in_use(cli::TaskContext& context, kube::Client& client,
                         const std::vector<json>& going, const std::vector<std::string>& places) {
  const config::Migration& config = context.config();
  const std::vector<json> staying =
      resources::members(client, config.name, "stay", places, context.log());
  if (!staying.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to remove '{}': the service stays on the new set, which '{}' "
                            "belongs to",
                            config.temporary_label, kube::ref_of(staying.front()).text()),
                "nothing is left to clean up: `db-provision apply --stay` took the pooler away");
  }
  const std::vector<Reference> references =
      references_into(going, read_surroundings(client, places), config.route_names());
  if (!references.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to remove '{}': '{}' leads to '{}'", config.temporary_label,
                            references.front().from, references.front().to),
                "bring the service home first ('route-switch rollback' or the pipeline "
                "'return-home')");
  }
  const std::string objection =
      live_database_objection(gate_of(context, client, config.databases.old_side, "databases.old"),
                              gate_of(context, client, config.databases.new_side, "databases.new"));
  if (!objection.empty()) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to remove '{}': {}", config.temporary_label, objection),
                "see 'route-switch status'; roll back or bring the database home first");
  }
}

/// All that bears the label, in the order in which it may go.
class Removal {
 public:
  Removal(cli::TaskContext& context, kube::Client& client)
      : context_(context),
        client_(client),
        places_(namespaces_of(context.config(), client.own_namespace())),
        volumes_(context.options().flag("delete-volumes") ||
                 !context.config().cleanup.keep_volumes) {}

  cli::Plan plan() {
    going_ = labelled();
    if (!going_.empty()) {
      refuse_while_in_use(context_, client_, going_, places_);
    }
    return plan_remove(context_.config(), going_, volumes_);
  }

  void run() {
    const Deadline deadline(context_.clock(),
                            context_.timeout(context_.config().provision.timeout));
    // What is shutting down may make more: Patroni writes its leader's ConfigMap once again.
    for (std::vector<json> left = going_; !left.empty(); left = labelled()) {
      if (deadline.passed()) {
        throw Error(
            ErrorKind::timeout,
            fmt::format("unable to remove '{}': '{}' is still there",
                        context_.config().temporary_label, kube::ref_of(left.front()).text()),
            "run again to go on");
      }
      resources::remove(client_, left, deadline.left(), context_.clock(), context_.log(),
                        context_.stop(), context_.result());
    }
  }

 private:
  std::vector<json> labelled() {
    std::vector<json> found;
    for (const std::string& ns : places_) {
      std::vector<json> more =
          kube::select_all_by_label(client_, context_.config().temporary_label, ns, context_.log());
      std::ranges::move(more, std::back_inserter(found));
    }
    return to_be_removed(std::move(found), volumes_);
  }

  cli::TaskContext& context_;
  kube::Client& client_;
  std::vector<std::string> places_;
  bool volumes_;
  std::vector<json> going_;
};

}  // namespace

void remove(cli::TaskContext& context) {
  context.config().require(context.config().temporary_label, "temporaryLabel");
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  Removal removal(context, *client);
  resources::run_step(
      context, *client, [&] { return removal.plan(); },
      [&](const cli::Plan& /*plan*/) { removal.run(); });
}

}  // namespace crossover::db_provision
