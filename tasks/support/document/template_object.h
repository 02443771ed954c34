#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace crossover::document {

struct TemplateParameter {
  std::string name;
  std::string value;
  std::string generate;
  std::string from;
  bool required = false;
};

/// A template.openshift.io/v1 Template, of which only this counts for processing.
struct Template {
  nlohmann::json objects;  ///< array, or null where the template has none
  std::vector<TemplateParameter> parameters;
  std::map<std::string, std::string> labels;
  bool has_labels = false;  ///< `labels: {}` is not the same as no labels
};

/// Checks the types of all fields that OpenShift's type has (unknown ones are ignored, null counts
/// as absent) and takes the template apart. Error (usage) with the key path of what is wrong.
Template decode_template(const nlohmann::json& document, const std::string& name);

}  // namespace crossover::document
