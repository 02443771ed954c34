#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/client.h"

namespace crossover::kube {

/// Objects of a kind, for what is only looked at where it can be: empty when the server does not
/// serve the kind or the caller may not list it (403). Other errors leave. `ns` empty: the client's
/// own namespace.
std::vector<nlohmann::json> list_if_allowed(Client& client, const std::string& api_version,
                                            const std::string& kind,
                                            const std::string& label_selector = {},
                                            const std::string& ns = {});

}  // namespace crossover::kube
