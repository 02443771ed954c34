#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "document/source.h"
#include "document/yaml_tree.h"

namespace crossover::document {

/// The value of a scalar node by the rules of go-yaml v2 (YAML 1.1 with its own exceptions): null,
/// boolean, integer (unsigned only beyond int64), float or string. Dates stay strings. Error
/// (usage, with file and line) when a tag does not fit.
nlohmann::json resolve_scalar(const YamlNode& node, const Source& source);

/// The text under which a resolved scalar becomes a key of a JSON object, as sigs.k8s.io/yaml makes
/// it: `yes` is "true", 1.50 is "1.5". Error for null and for integers beyond int64.
std::string key_text(const nlohmann::json& key, const YamlNode& node, const Source& source);

/// A number as it looks to Kubernetes once it has passed through JSON: integers beyond int64 become
/// floats, floats without a fraction become integers. Error for NaN and infinities.
nlohmann::json json_number(nlohmann::json number, std::size_t line, const Source& source);

}  // namespace crossover::document
