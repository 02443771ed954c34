#include "kube/conditional_patch.h"

#include <fmt/format.h>

#include "base/error.h"

namespace crossover::kube {

namespace {

// Somebody has written in between: a failed test is 422, a conflict 409.
bool is_outrun(const Error& error) {
  return error.http_status() == 409 || error.http_status() == 422;
}

nlohmann::json read_again(Client& client, const Ref& ref, bool sent) {
  try {
    return client.get(ref);
  } catch (Error& error) {
    if (sent) {
      error.add_context(fmt::format("whether '{}' was changed is not known", ref.text()));
    }
    throw;
  }
}

}  // namespace

bool patch_conditionally(
    Client& client, const Ref& ref,
    const std::function<nlohmann::json(const nlohmann::json& object)>& make_patch) {
  constexpr int most_attempts = 5;
  bool sent = false;
  for (int attempt = 1;; ++attempt) {
    const nlohmann::json patch = make_patch(read_again(client, ref, sent));
    if (patch.empty()) {
      return sent;
    }
    try {
      client.patch(ref, PatchType::json, patch, {});
      return true;
    } catch (const Error& error) {
      if ((!is_outrun(error) && !in_doubt(error)) || attempt == most_attempts) {
        throw;
      }
      sent = sent || in_doubt(error);
    }
  }
}

}  // namespace crossover::kube
