#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "cli/task.h"
#include "kube/client.h"

namespace crossover::nsp_apply {

/// The task: runs the verb of the context.
void run(cli::TaskContext& context);

/// Legacy rules among `rules` as they can be applied to this server: as they are where it serves
/// them, translated where `translate` says so, else Error{precondition} `unable to apply
/// 'networksecuritypolicy/x': the cluster does not serve 'NetworkSecurityPolicy' of '...'`.
std::vector<nlohmann::json> applicable(kube::Client& client, std::vector<nlohmann::json> rules,
                                       bool translate);

}  // namespace crossover::nsp_apply
