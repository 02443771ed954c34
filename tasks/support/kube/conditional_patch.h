#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "kube/client.h"

namespace crossover::kube {

/// Reads an object and sends the JSON patch (RFC 6902) that `make_patch` makes of it, which should
/// begin with a test of its resourceVersion; again from the reading, a few times, when somebody has
/// written in between or the answer is lost. Returns false when nothing had to change: the patch
/// was empty, and none whose answer is lost may have made it so. Throws what reading, `make_patch`
/// and patching throw; where a patch may have arrived and the object can't be read, it says so.
bool patch_conditionally(
    Client& client, const Ref& ref,
    const std::function<nlohmann::json(const nlohmann::json& object)>& make_patch);

}  // namespace crossover::kube
