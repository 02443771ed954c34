#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace crossover::kube {

/// Our error for an API server's refusal. `verb` and `object` make the text ("apply",
/// "deployment/web"); `body` is what the server sent, normally a metav1.Status; `source` says where
/// the credentials are from. Conflicts of managers are named field by field with their owners, and
/// immutable or invalid fields by their path. Pure.
Error status_error(int status, const std::string& body, std::string_view verb,
                   const std::string& object, const std::string& source);

/// The fields of a StatefulSet's spec that differ between `wanted` and `live` and cannot be changed
/// in place ("spec.volumeClaimTemplates"): the server's own refusal does not name them. Pure.
std::vector<std::string> immutable_changes(const nlohmann::json& wanted,
                                           const nlohmann::json& live);

}  // namespace crossover::kube
