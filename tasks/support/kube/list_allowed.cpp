#include "kube/list_allowed.h"

#include "base/error.h"

namespace crossover::kube {

std::vector<nlohmann::json> list_if_allowed(Client& client, const std::string& api_version,
                                            const std::string& kind,
                                            const std::string& label_selector,
                                            const std::string& ns) {
  constexpr int forbidden = 403;
  if (!client.serves(api_version, kind)) {
    return {};
  }
  try {
    return client.list(api_version, kind, label_selector, ns).items;
  } catch (const Error& error) {
    if (error.http_status() != forbidden) {
      throw;
    }
    return {};
  }
}

}  // namespace crossover::kube
