#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/plan.h"
#include "resources/object_set.h"

namespace crossover::nsp_apply {

/// What `apply` does: observed and desired rules to steps. Pure.
cli::Plan plan_apply(const resources::ObjectSet& rules, const resources::SetState& state, bool home,
                     bool force);

/// What `remove` does: a delete for each rule that is there. Pure.
cli::Plan plan_remove(const std::vector<nlohmann::json>& present, bool home);

}  // namespace crossover::nsp_apply
