#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/task.h"

namespace crossover::resources {

/// The options by which `apply` of a task stands in for `oc process --local -o json`: --render,
/// --template, -p, --param-file, -l, --ignore-unknown-parameters, for verb `apply`.
std::vector<cli::OptionSpec> render_options();

/// Whether the run is `apply --render --template FILE`, which needs neither cluster nor
/// configuration. Throws Error{usage} when --template (or an option that goes with it) was given
/// without --render, since applying a template takes a source in crossover.yaml.
bool renders_template(const cli::TaskContext& context);

/// Whether --render was given: print what would be applied.
bool renders(const cli::TaskContext& context);

/// Processes the template that the options name; the List becomes the run's output.
void render_template(cli::TaskContext& context);

/// The List of `objects` becomes the run's output.
void render_objects(cli::TaskContext& context, const std::vector<nlohmann::json>& objects);

}  // namespace crossover::resources
