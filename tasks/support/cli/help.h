#pragma once

#include <string>

#include "cli/task_spec.h"

namespace crossover::cli {

/// What --help prints: for the task, or with a verb for that one. At most 100 columns wide.
std::string help(const TaskSpec& spec, const VerbSpec* verb);

/// "-f, --config FILE".
std::string usage_of(const OptionSpec& option);

}  // namespace crossover::cli
