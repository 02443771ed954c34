#include "seed-verify/call.h"

#include <algorithm>

#include "endpoints/calls.h"
#include "sync/gate.h"

namespace crossover::seed_verify {

namespace {

using config::EndpointCheck;

const config::Target& configured(const cli::TaskContext& context, const std::string& target) {
  const config::VerifyTargets& targets = context.config().verify.targets;
  const std::optional<config::Target>& found = target == "check"   ? targets.check
                                               : target == "route" ? targets.route
                                                                   : targets.api;
  return context.config().require(found, "verify.targets." + target);
}

/// --target, else `check` for phase anonymous where it is configured, else `api`.
std::string target_of(const cli::TaskContext& context) {
  const std::string& named = context.options().text("target");
  if (!named.empty()) {
    return named;
  }
  const bool anonymous = context.options().text("phase") == "anonymous";
  return anonymous && context.config().verify.targets.check ? "check" : "api";
}

/// After the switch, writes are ordinary ones: the new database's gate is open.
bool writes_allowed(cli::TaskContext& context, Connections& connections, bool any) {
  if (!any || context.options().flag("allow-writes")) {
    return any;
  }
  const config::Databases& databases = context.config().databases;
  if (!databases.new_side) {
    return false;
  }
  postgres::Session session = connections.open(sync::Side::new_side);
  return sync::gate_state(session) == sync::GateState::open;
}

}  // namespace

void check_endpoints(cli::TaskContext& context, Connections& connections) {
  const config::Verify& verify = context.config().verify;
  endpoints::refuse_wrong_checks(verify.endpoints);
  endpoints::CallPlan plan;
  plan.token = endpoints::new_token();
  plan.rules.phase =
      context.options().text("phase") == "full" ? config::Phase::full : config::Phase::anonymous;
  const std::string target = target_of(context);
  plan.rules.on_check_copy = target == "check";
  const bool any_writes = plan.rules.phase == config::Phase::full && !plan.rules.on_check_copy &&
                          std::ranges::any_of(verify.endpoints, [](const EndpointCheck& check) {
                            return check.writes;
                          });
  plan.rules.writes_allowed = writes_allowed(context, connections, any_writes);
  const endpoints::Place place(
      configured(context, target), [&]() -> kube::Client& { return connections.client(); },
      context.log());
  context.result().set_report("target", target);
  endpoints::call(context, place, plan);
}

}  // namespace crossover::seed_verify
