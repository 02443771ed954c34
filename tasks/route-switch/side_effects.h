#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/task.h"
#include "config/side_effects.h"
#include "kube/client.h"
#include "sync/database.h"

namespace crossover::route_switch {

/// What is to be done while the API of `to` is in charge: `before` of each side effect for the old
/// one, `after` for the new one. What stops something comes first, so that two are never live at
/// once. Pure.
std::vector<config::Action> actions_for(const std::vector<config::SideEffect>& side_effects,
                                        sync::Side to);

/// Whether an action ends its object's work (replicas 0).
bool stops(const config::Action& action);

/// The changes that make an object what an action says, as a JSON patch (RFC 6902) that fails when
/// the object has changed since it was read; empty when it is so already. Replicas of a CronJob are
/// its `suspend`: 0 suspends it. Throws Error{precondition} where the object has no container for
/// the environment. Pure.
nlohmann::json action_patch(const nlohmann::json& object, const config::Action& action);

/// Reads every object that `to` wants changed: throws Error{precondition} for one that is missing,
/// of an unknown kind, or kept by a GitOps controller. Changes nothing; returns what differs, as
/// "deployment/mailer (replicas 0)".
std::vector<std::string> side_effects_due(cli::TaskContext& context, kube::Client& client,
                                          sync::Side to);

/// Makes them so, each stop seen in the status before the first start (`switch.readyTimeout`,
/// Error{timeout}). Idempotent; what it changes stands in the result.
void apply_side_effects(cli::TaskContext& context, kube::Client& client, sync::Side to);

}  // namespace crossover::route_switch
