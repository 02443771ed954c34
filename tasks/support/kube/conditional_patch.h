#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "kube/client.h"

namespace crossover::kube {

/// Reads an object and sends the JSON patch (RFC 6902) that `make_patch` makes of it, which should
/// begin with a test of its resourceVersion; again from the reading, a few times, when somebody has
/// written in between. Returns false when the patch was empty: nothing had to change. Throws what
/// reading, `make_patch` and patching throw.
bool patch_conditionally(
    Client& client, const Ref& ref,
    const std::function<nlohmann::json(const nlohmann::json& object)>& make_patch);

}  // namespace crossover::kube
