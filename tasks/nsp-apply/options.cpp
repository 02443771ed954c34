#include "nsp-apply/options.h"

#include "resources/render.h"

namespace crossover::nsp_apply {

cli::TaskSpec task_spec() {
  cli::TaskSpec spec{
      .name = "nsp-apply",
      .summary = "applies the network rules that a migration needs, and proves them",
      .description =
          "Applies the network rules of crossover.yaml: NetworkPolicy, and the legacy "
          "NetworkSecurityPolicy and ExternalNetwork, which it can translate where the cluster "
          "lacks them. It adds the rules that Crossover's own parts need, deletes rules that left "
          "the template, and proves by TCP connections that a path is open or closed.",
      .verbs = {{.name = "apply",
                 .summary = "apply the network rules and delete those that left the sources",
                 .changes = true},
                {.name = "prove",
                 .summary = "try the connections of network.prove from pods that bear the labels"},
                {.name = "remove",
                 .summary = "delete the network rules that apply made",
                 .changes = true}},
      .examples = {"nsp-apply apply --render --template openshift/networkpolicy.yaml -p NAME=api",
                   "nsp-apply apply --dry-run", "nsp-apply prove"}};
  spec.options = resources::render_options();
  spec.options.push_back({.name = "translate",
                          .type = cli::OptionType::flag,
                          .help = "make NetworkPolicies of legacy rules where the cluster does not "
                                  "serve those",
                          .config_path = "network.translate",
                          .verbs = {"apply"}});
  spec.options.push_back({.name = "home",
                          .type = cli::OptionType::flag,
                          .help = "the rules of network.home instead of network.rules",
                          .verbs = {"apply", "remove"}});
  spec.options.push_back({.name = "force-conflicts",
                          .type = cli::OptionType::flag,
                          .help = "take fields that another field manager owns",
                          .verbs = {"apply"}});
  spec.options.push_back({.name = "before",
                          .type = cli::OptionType::flag,
                          .help = "show what is open now; a path that is not as expected yet is no "
                                  "failure",
                          .verbs = {"prove"}});
  spec.options.push_back({.name = "connect",
                          .value_name = "HOST:PORT",
                          .help = "open one TCP connection from here (what a probing pod runs)",
                          .verbs = {"prove"},
                          .hidden = true,
                          .without_config = true});
  return spec;
}

}  // namespace crossover::nsp_apply
