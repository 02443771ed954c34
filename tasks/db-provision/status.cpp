#include "db-provision/status.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "db-provision/migrate.h"
#include "db-provision/stages.h"
#include "kube/diagnose.h"
#include "kube/object.h"
#include "kube/readiness.h"
#include "resources/step.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

std::string why_not(kube::Client& client, const json& live, const kube::Readiness& state) {
  if (live.is_null()) {
    return state.reason;
  }
  const std::vector<kube::Cause> causes = kube::diagnose(client, live);
  return causes.empty() ? state.reason : causes.front().text();
}

/// Returns whether all of the stage is ready.
bool tell_stage(cli::TaskContext& context, kube::Client& client, const Stage& stage) {
  std::vector<kube::Ref> refs;
  for (const json& object : stage.objects) {
    refs.push_back(kube::ref_of(object));
  }
  const std::vector<std::optional<json>> live = client.find_all(refs);
  bool all = true;
  for (std::size_t index = 0; index < refs.size(); ++index) {
    const json object = live[index].value_or(json());
    const kube::Readiness state = kube::readiness(object);
    const bool ready = state.state == kube::ReadyState::ready;
    all = all && ready;
    context.result().add_check(fmt::format("{} {}", stage.set, refs[index].text()),
                               ready ? cli::CheckOutcome::pass : cli::CheckOutcome::warn,
                               ready ? std::string() : why_not(client, object, state));
  }
  return all;
}

bool tell_database(cli::TaskContext& context, kube::Client& client) {
  const config::Migration& config = context.config();
  try {
    const postgres::Endpoint endpoint(*config.databases.new_side, "databases.new",
                                      reach(context, client));
    postgres::Session session = endpoint.open("status");
    const auto history = flyway::read_history(session, config.provision.flyway);
    context.result().add_check(
        "database new", cli::CheckOutcome::pass,
        history ? fmt::format("answers, at version {}", flyway::newest_version(*history))
                : "answers, without a history of Flyway");
    return true;
  } catch (const Error& error) {
    context.result().add_check("database new", cli::CheckOutcome::warn, error.text());
    return false;
  }
}

}  // namespace

void status(cli::TaskContext& context) {
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  bool ready = true;
  for (const Stage& stage : desired_stages(context.config(), Way::out, client->own_namespace(),
                                           client.get(), context.log())) {
    ready = tell_stage(context, *client, stage) && ready;
  }
  if (context.config().databases.new_side) {
    ready = tell_database(context, *client) && ready;
  }
  context.result().set_report("ready", ready);
}

}  // namespace crossover::db_provision
