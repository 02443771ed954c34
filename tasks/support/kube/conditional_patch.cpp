#include "kube/conditional_patch.h"

#include "base/error.h"

namespace crossover::kube {

bool patch_conditionally(
    Client& client, const Ref& ref,
    const std::function<nlohmann::json(const nlohmann::json& object)>& make_patch) {
  constexpr int most_attempts = 5;
  for (int attempt = 1;; ++attempt) {
    const nlohmann::json patch = make_patch(client.get(ref));
    if (patch.empty()) {
      return false;
    }
    try {
      client.patch(ref, PatchType::json, patch, {});
      return true;
    } catch (const Error& error) {
      // Somebody has written in between (a failed test is 422, a conflict 409): look again.
      if ((error.http_status() != 409 && error.http_status() != 422) || attempt == most_attempts) {
        throw;
      }
    }
  }
}

}  // namespace crossover::kube
