#include "resources/label_objects.h"

#include "kube/object.h"
#include "resources/labels.h"

namespace crossover::resources {

using nlohmann::json;
using nlohmann::literals::operator""_json_pointer;

bool add_temporary_label(json& object, const std::string& label) {
  const std::size_t equals = label.find('=');
  if (equals == std::string::npos) {
    return true;
  }
  const std::string key = label.substr(0, equals);
  const std::string value = label.substr(equals + 1);
  const std::string present = kube::label(object, key);
  if (present.empty()) {
    object["metadata"]["labels"][key] = value;
  }
  return present.empty() || present == value;
}

std::vector<json> label_pods(std::vector<json> objects, const std::string& migration,
                             std::string_view part) {
  for (json& object : objects) {
    if (object.contains("/spec/template"_json_pointer)) {
      json& labels = object["/spec/template/metadata/labels"_json_pointer];
      labels[std::string(migration_label)] = migration;
      labels[std::string(part_label)] = part;
    }
  }
  return objects;
}

}  // namespace crossover::resources
