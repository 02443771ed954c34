#pragma once

#include <nlohmann/json_fwd.hpp>

#include "document/source.h"
#include "document/yaml_tree.h"

namespace crossover::document {

/// The JSON value of a parsed document, null for an empty one, by the rules of go-yaml v2 under
/// sigs.k8s.io/yaml: scalars by YAML 1.1, of equal keys the last wins, `<<` merges where it stands
/// (so it overwrites the keys before it), keys that aren't strings become their text. Error (usage,
/// with file and line) for an alias inside its own anchor, excessive aliasing (go-yaml's ratio), a
/// list or mapping as key, NaN, and nesting beyond max_depth.
nlohmann::json yaml_value(const YamlTree& tree, const Source& source);

}  // namespace crossover::document
