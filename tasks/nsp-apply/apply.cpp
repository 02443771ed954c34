#include "nsp-apply/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"
#include "nsp-apply/facts.h"
#include "nsp-apply/part_rules.h"
#include "nsp-apply/plan.h"
#include "nsp-apply/prove.h"
#include "nsp-apply/translate.h"
#include "nsp-apply/try_connection.h"
#include "resources/load.h"
#include "resources/object_set.h"
#include "resources/render.h"
#include "resources/route_target.h"
#include "resources/step.h"

namespace crossover::nsp_apply {

namespace {

using nlohmann::json;

/// Objects of home outlive the migration, so they are a set of their own.
std::string set_name(bool home) { return home ? "network-home" : "network"; }

const std::vector<config::Source>& sources(const cli::TaskContext& context, bool home) {
  return home ? context.config().network.home : context.config().network.rules;
}

void render(cli::TaskContext& context) {
  if (resources::renders_template(context)) {
    resources::render_template(context);
    return;
  }
  const bool home = context.options().flag("home");
  std::vector<json> rules =
      resources::load_all(sources(context, home), {.ns = context.namespace_name()});
  resources::render_objects(
      context, context.options().flag("translate") ? translate(rules) : std::move(rules));
}

std::vector<json> desired(cli::TaskContext& context, kube::Client& client, bool home) {
  const std::string& ns = client.own_namespace();
  std::vector<json> rules =
      applicable(client, resources::load_all(sources(context, home), {.ns = ns, .client = &client}),
                 context.options().flag("translate"));
  if (!home) {
    const PartFacts facts = find_facts(client, context.config(), ns, rules, context.log());
    std::ranges::move(part_rules(facts), std::back_inserter(rules));
  }
  return rules;
}

/// Where rules may be: those of an earlier run may be in a namespace that the sources left.
std::vector<std::string> namespaces(const cli::TaskContext& context, kube::Client& client) {
  std::vector<std::string> names = {client.own_namespace()};
  for (const bool home : {false, true}) {
    for (const config::Source& source : sources(context, home)) {
      if (!source.namespace_name.empty()) {
        names.push_back(source.namespace_name);
      }
    }
  }
  return names;
}

void apply(cli::TaskContext& context) {
  if (resources::renders_template(context) || resources::renders(context)) {
    render(context);
    return;
  }
  const bool home = context.options().flag("home");
  const bool force = context.options().flag("force-conflicts");
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  std::optional<resources::ObjectSet> set;
  resources::SetState state;
  resources::run_step(
      context, *client,
      [&] {
        set.emplace(context.config().name, set_name(home), desired(context, *client, home));
        state = resources::observe(*client, *set, namespaces(context, *client), context.log());
        return plan_apply(*set, state, home, force);
      },
      [&](const cli::Plan& /*plan*/) {
        resources::ApplyLimits limits;
        limits.force = force;
        limits.delete_timeout = context.timeout(limits.delete_timeout);
        resources::apply(*client, *set, state, limits, context.clock(), context.log(),
                         context.stop(), context.result());
      });
}

void remove(cli::TaskContext& context) {
  const bool home = context.options().flag("home");
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  std::vector<json> present;
  resources::run_step(
      context, *client,
      [&] {
        present = resources::members(*client, context.config().name, set_name(home),
                                     namespaces(context, *client), context.log());
        if (!home && !present.empty()) {
          resources::refuse_while_routes_lead_to_new(*client, context.config(),
                                                     client->own_namespace(), "network rules");
        }
        return plan_remove(present, home);
      },
      [&](const cli::Plan& /*plan*/) {
        resources::remove(*client, present, context.timeout(std::chrono::minutes(2)),
                          context.clock(), context.log(), context.stop(), context.result());
      });
}

}  // namespace

std::vector<json> applicable(kube::Client& client, std::vector<json> rules, bool translate_rules) {
  const auto missing = std::ranges::find_if(rules, [&](const json& rule) {
    return is_legacy(rule) && !client.serves(legacy_group, kube::text_at(rule, "/kind"));
  });
  if (missing == rules.end()) {
    return rules;
  }
  if (!translate_rules) {
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to apply '{}': the cluster does not serve '{}' of '{}'",
                    kube::ref_of(*missing).text(), kube::text_at(*missing, "/kind"), legacy_group),
        "run again with --translate (network.translate: true) for NetworkPolicies that "
        "allow the same");
  }
  return translate(rules);
}

void run(cli::TaskContext& context) {
  if (context.verb() == "apply") {
    apply(context);
  } else if (context.verb() == "remove") {
    remove(context);
  } else if (context.options().given("connect")) {
    try_connection(context);
  } else {
    prove(context);
  }
}

}  // namespace crossover::nsp_apply
