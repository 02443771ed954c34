#include "cli/standard_options.h"

#include <algorithm>

namespace crossover::cli {
namespace {

std::vector<std::string> changing_verbs(const TaskSpec& spec) {
  std::vector<std::string> verbs;
  for (const VerbSpec& verb : spec.verbs) {
    if (verb.changes) {
      verbs.push_back(verb.name);
    }
  }
  return verbs;
}

void add_configuration_options(std::vector<OptionSpec>& options) {
  options.push_back({.name = "config",
                     .short_name = 'f',
                     .value_name = "FILE",
                     .help = "the migration's configuration; default: crossover.yaml"});
  options.push_back({.name = "kubeconfig",
                     .value_name = "FILE",
                     .help = "how the cluster is reached; default: KUBECONFIG, ~/.kube/config or "
                             "the pod's service account",
                     .config_path = "kubernetes.kubeconfig"});
  options.push_back({.name = "context",
                     .value_name = "NAME",
                     .help = "context of the kubeconfig",
                     .config_path = "kubernetes.context"});
  options.push_back({.name = "namespace",
                     .short_name = 'n',
                     .value_name = "NAME",
                     .help = "namespace of the migration",
                     .config_path = "namespace"});
}

void add_approval_options(std::vector<OptionSpec>& options, const TaskSpec& spec) {
  const std::vector<std::string> verbs = changing_verbs(spec);
  if (verbs.empty()) {
    return;
  }
  options.push_back({.name = "dry-run",
                     .type = OptionType::flag,
                     .help = "print the plan and its SHA-256, change nothing",
                     .verbs = verbs});
  options.push_back({.name = "approved-plan",
                     .value_name = "SHA256",
                     .help = "run only if the plan is the one that was approved",
                     .verbs = verbs});
  options.push_back({.name = "yes",
                     .short_name = 'y',
                     .type = OptionType::flag,
                     .help = "answer the question at the terminal with yes",
                     .verbs = verbs});
}

void add_output_options(std::vector<OptionSpec>& options) {
  options.push_back({.name = "output",
                     .short_name = 'o',
                     .type = OptionType::enumeration,
                     .value_name = "FORMAT",
                     .help = "form of the result; default: text on a terminal, json elsewhere",
                     .values = {"text", "json"}});
  options.push_back({.name = "timeout",
                     .type = OptionType::duration,
                     .value_name = "DURATION",
                     .help = "longest wait of the step, 500ms, 2s or 10m"});
  options.push_back({.name = "run-id",
                     .value_name = "ID",
                     .help = "name of this run in the evidence; default: a random one"});
  options.push_back({.name = "log-level",
                     .type = OptionType::enumeration,
                     .value_name = "LEVEL",
                     .help = "how much is logged on stderr",
                     .default_value = "info",
                     .values = {"debug", "info", "warning", "error"}});
  options.push_back({.name = "print-config",
                     .type = OptionType::flag,
                     .help = "print the effective configuration and end"});
  options.push_back({.name = "help",
                     .short_name = 'h',
                     .type = OptionType::flag,
                     .help = "print this help, after a verb that verb's"});
  options.push_back(
      {.name = "version", .type = OptionType::flag, .help = "print the version and commit"});
  options.push_back({.name = "describe",
                     .type = OptionType::enumeration,
                     .value_name = "FORM",
                     .help = "print the declaration of the task for the generators",
                     .values = {"json", "markdown", "man", "tekton", "action", "config"},
                     .hidden = true});
}

}  // namespace

std::vector<OptionSpec> standard_options(const TaskSpec& spec) {
  std::vector<OptionSpec> options;
  add_configuration_options(options);
  add_approval_options(options, spec);
  add_output_options(options);
  return options;
}

std::vector<OptionSpec> all_options(const TaskSpec& spec) {
  std::vector<OptionSpec> options = spec.options;
  for (OptionSpec& option : standard_options(spec)) {
    options.push_back(std::move(option));
  }
  return options;
}

bool goes_with(const OptionSpec& option, std::string_view verb) {
  return verb.empty() || option.verbs.empty() ||
         std::ranges::find(option.verbs, verb) != option.verbs.end();
}

}  // namespace crossover::cli
