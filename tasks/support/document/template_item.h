#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "document/substitution.h"

namespace crossover::document {

/// Checks an entry of a template's `objects` as the API machinery would decode it: a mapping with a
/// kind and a parsable apiVersion. One that has `items` is a list, whose items without type get
/// that of the list. Error (usage) with the cause alone.
void decode_item(nlohmann::json& item);

/// Takes a hard-coded namespace off an object; one with a reference stays.
void strip_namespace(nlohmann::json& item);

/// Writes apiVersion and kind again, with legacy kinds moved into their group.
void groupify(nlohmann::json& item);

/// Adds labels over those in metadata.labels. An object whose labels aren't all strings loses them,
/// as with `oc`. Error (usage) with the cause alone for a list.
void add_labels(nlohmann::json& item, const std::map<std::string, std::string>& labels);

}  // namespace crossover::document
