#include "document/template_item.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "document/legacy_kind.h"

namespace crossover::document {
namespace {

using nlohmann::json;

struct ItemType {
  std::string group;
  std::string version;
  std::string kind;
};

std::string string_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

/// Empty where apiVersion can't be taken apart (it has two slashes).
ItemType type_of(const json& item) {
  const std::string version = string_at(item, "apiVersion");
  std::string kind = string_at(item, "kind");
  if (version.empty() || version == "/") return {"", "", std::move(kind)};
  const auto slashes = std::count(version.begin(), version.end(), '/');
  if (slashes > 1) return {};
  if (slashes == 0) return {"", version, std::move(kind)};
  const std::size_t slash = version.find('/');
  return {version.substr(0, slash), version.substr(slash + 1), std::move(kind)};
}

Error refused(std::string cause) { return {ErrorKind::usage, std::move(cause)}; }

void decode_list(json& item) {
  json& items = item["items"];
  if (items.is_null()) items = json::array();
  if (!items.is_array()) throw refused("'items' must be a list");
  std::string kind = string_at(item, "kind");
  if (kind.ends_with("List")) kind.resize(kind.size() - 4);
  const std::string version = string_at(item, "apiVersion");
  for (json& child : items) {
    if (child.is_null()) child = json::object();
    if (!child.is_object()) throw refused("each of 'items' must be a mapping");
    if (!string_at(child, "kind").empty() || !string_at(child, "apiVersion").empty()) continue;
    child["kind"] = kind;
    child["apiVersion"] = version;
  }
}

bool keeps_namespace(const json& value) {
  return value.is_string() && has_reference(value.get_ref<const std::string&>());
}

}  // namespace

void decode_item(json& item) {
  if (!item.is_object()) throw refused("it must be a mapping");
  if (item.contains("items")) decode_list(item);
  if (type_of(item).kind.empty()) {
    const bool broken_version = !string_at(item, "kind").empty();
    throw refused(broken_version ? "its apiVersion is malformed" : "its kind is missing");
  }
}

void strip_namespace(json& item) {
  if (item.contains("items")) return;
  const auto metadata = item.find("metadata");
  json& owner = metadata == item.end() ? item : *metadata;
  if (!owner.is_object()) return;
  const auto found = owner.find("namespace");
  if (found == owner.end() || keeps_namespace(*found)) return;
  const bool plain_name = found->is_string() && !found->get_ref<const std::string&>().empty();
  if (plain_name && metadata != item.end()) {
    owner.erase(found);
  } else {
    *found = "";
  }
}

void groupify(json& item) {
  ItemType type = type_of(item);
  if (type.group.empty()) type.group = legacy_group(type.kind);
  item["apiVersion"] =
      type.group.empty() ? type.version : fmt::format("{}/{}", type.group, type.version);
  item["kind"] = type.kind;
}

void add_labels(json& item, const std::map<std::string, std::string>& labels) {
  if (item.contains("items")) throw refused("labels can't be added to a list");
  json& metadata = item.emplace("metadata", json::object()).first.value();
  if (!metadata.is_object()) return;
  json merged = json::object();
  const auto own = metadata.find("labels");
  const bool usable =
      own != metadata.end() && own->is_object() &&
      std::all_of(own->begin(), own->end(), [](const json& value) { return value.is_string(); });
  if (usable) merged = *own;
  for (const auto& [key, value] : labels) merged[key] = value;
  metadata["labels"] = std::move(merged);
}

}  // namespace crossover::document
