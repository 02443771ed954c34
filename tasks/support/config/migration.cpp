#include "config/migration.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "config/list_fields.h"
#include "config/read_fields.h"
#include "config/write_fields.h"
#include "document/strict_yaml.h"

namespace crossover::config {

TablePolicy Sync::policy_of(const std::string& table) const {
  const auto found = tables.find(table);
  if (found != tables.end()) {
    return found->second;
  }
  TablePolicy standard;
  standard.policy = default_policy;
  return standard;
}

const std::string& Migration::require(const std::string& text, std::string_view key) const {
  if (text.empty()) {
    missing(key);
  }
  return text;
}

std::vector<std::string> Migration::route_names() const {
  std::vector<std::string> names;
  names.reserve(routes.size());
  for (const Route& route : routes) {
    names.push_back(route.name);
  }
  return names;
}

void Migration::missing(std::string_view key) const {
  throw Error(
      ErrorKind::usage, fmt::format("unable to use '{}': '{}' is missing", file, key),
      fmt::format("add '{}' to {}; docs/reference/configuration.md describes it", key, file));
}

Migration load(const std::filesystem::path& path, const std::vector<Override>& overrides) {
  const auto document = document::StrictDocument::load_file(path.string());
  Migration migration;
  migration.file = path.string();
  read_fields(document.root(), overrides, migration);
  return migration;
}

nlohmann::ordered_json to_json(const Migration& migration) { return write_fields(migration); }

std::string reference() { return list_fields(); }

}  // namespace crossover::config
