#pragma once

#include <string>

#include "cli/task_spec.h"

namespace crossover::cli {

/// The declaration of a task in one of the forms that scripts/generate writes out: "json" (all of
/// it), "markdown" (verbs and options for the README), "man" (a page of section 1), "tekton" (the
/// params of its Task, JSON), "action" (the inputs of its composite action, JSON), "config" (the
/// reference of crossover.yaml, Markdown).
std::string describe(const TaskSpec& spec, const std::string& form);

}  // namespace crossover::cli
