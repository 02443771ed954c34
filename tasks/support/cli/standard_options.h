#pragma once

#include <vector>

#include "cli/options.h"
#include "cli/task_spec.h"

namespace crossover::cli {

/// The options that every task has. --dry-run, --approved-plan and --yes go with the verbs that
/// change something only.
std::vector<OptionSpec> standard_options(const TaskSpec& spec);

/// A task's own options, then the standard ones.
std::vector<OptionSpec> all_options(const TaskSpec& spec);

/// Whether an option goes with a verb (an empty verb: with any).
bool goes_with(const OptionSpec& option, std::string_view verb);

}  // namespace crossover::cli
