#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "document/source.h"

namespace crossover::document {

/// Takes one JSON value from the front of `text`, as Go's encoding/json reads it for Kubernetes: of
/// equal keys the last wins, bytes that aren't UTF-8 and lone surrogates become U+FFFD, integers
/// beyond int64 become floats and floats without a fraction integers. Removes what it read (and
/// space before it) from `text`. Error (usage, with file and line) when it isn't JSON or is nested
/// beyond max_depth.
nlohmann::json take_json(std::string_view& text, const Source& source);

/// The value of a whole text that must be one JSON value, with every number as float64 (what
/// json.Unmarshal makes of an interface{}); nothing when it isn't one.
std::optional<nlohmann::json> float_json(const std::string& text);

}  // namespace crossover::document
