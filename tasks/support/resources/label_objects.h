#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace crossover::resources {

/// Adds `label` ("key=value") to an object. False when it bears another value. Pure.
bool add_temporary_label(nlohmann::json& object, const std::string& label);

/// The objects with the labels of a part (labels.h) on their pod templates: by these the network
/// rules that `nsp-apply` makes let the parts of a migration in. Pure.
std::vector<nlohmann::json> label_pods(std::vector<nlohmann::json> objects,
                                       const std::string& migration, std::string_view part);

}  // namespace crossover::resources
