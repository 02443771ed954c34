#include "kube/managed_fields.h"

#include <algorithm>
#include <vector>

#include "kube/object.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

bool has_last_applied(const json& live) {
  return !annotation(live, "kubectl.kubernetes.io/last-applied-configuration").empty();
}

/// Before `--field-manager` there was, the manager was the program's name.
bool is_client_side_apply(const json& entry, bool last_applied) {
  if (text_at(entry, "/operation") != "Update" || !text_at(entry, "/subresource").empty()) {
    return false;
  }
  const std::string manager = text_at(entry, "/manager");
  return manager == "kubectl-client-side-apply" ||
         (last_applied && (manager == "kubectl" || manager == "oc"));
}

bool is_own(const json& entry, std::string_view manager) {
  return text_at(entry, "/manager") == manager && text_at(entry, "/operation") == "Apply" &&
         text_at(entry, "/subresource").empty();
}

/// Sets of fields are trees of keys: their union is that of the trees.
void unite(json& into, const json& from) {
  for (const auto& [key, value] : from.items()) {
    if (into.contains(key)) {
      unite(into[key], value);
    } else {
      into[key] = value;
    }
  }
}

bool same(const json& wanted, const json& fields, const json& live);

bool same_map(const json& wanted, const json& fields, const json& live) {
  if (!live.is_object()) {
    return false;
  }
  std::size_t owned = 0;
  for (const auto& [key, below] : fields.items()) {
    if (key == ".") {
      continue;
    }
    if (!key.starts_with("f:")) {
      return false;
    }
    const std::string name = key.substr(2);
    const auto want = wanted.find(name);
    const auto have = live.find(name);
    if (want == wanted.end() || have == live.end() || !same(*want, below, *have)) {
      return false;
    }
    ++owned;
  }
  return owned == wanted.size();
}

/// Whether `element` may be what a key of a list means; a field that the element lacks has its
/// default in the key.
bool may_have_key(const json& element, const json& key, bool defaults) {
  return element.is_object() &&
         std::all_of(key.items().begin(), key.items().end(), [&](const auto& part) {
           const auto found = element.find(part.key());
           return found == element.end() ? defaults : *found == part.value();
         });
}

/// The index of the only match, or -1.
template <typename Matches>
std::ptrdiff_t only(const json& list, const Matches& matches) {
  std::ptrdiff_t index = -1;
  for (std::size_t next = 0; next < list.size(); ++next) {
    if (matches(list[next])) {
      if (index >= 0) {
        return -1;
      }
      index = static_cast<std::ptrdiff_t>(next);
    }
  }
  return index;
}

bool same_list(const json& wanted, const json& fields, const json& live) {
  if (!live.is_array()) {
    return false;
  }
  std::vector<std::ptrdiff_t> places(wanted.size(), -1);  // in `live`, of each wanted element
  for (const auto& [key, below] : fields.items()) {
    if (key == ".") {
      continue;
    }
    const json value = json::parse(key.substr(2), nullptr, false);
    std::ptrdiff_t want = -1;
    std::ptrdiff_t have = -1;
    if (key.starts_with("k:") && value.is_object()) {
      want = only(wanted, [&](const json& item) { return may_have_key(item, value, true); });
      have = only(live, [&](const json& item) { return may_have_key(item, value, false); });
    } else if (key.starts_with("v:")) {
      want = only(wanted, [&](const json& item) { return item == value; });
      have = only(live, [&](const json& item) { return item == value; });
    }
    if (want < 0 || have < 0 || places[static_cast<std::size_t>(want)] >= 0) {
      return false;
    }
    if (key.starts_with("k:") && !same(wanted[static_cast<std::size_t>(want)], below,
                                       live[static_cast<std::size_t>(have)])) {
      return false;
    }
    places[static_cast<std::size_t>(want)] = have;
  }
  return std::find(places.begin(), places.end(), -1) == places.end() &&
         std::is_sorted(places.begin(), places.end());
}

bool same(const json& wanted, const json& fields, const json& live) {
  if (wanted.is_null() || !fields.is_object()) {
    return false;
  }
  if (fields.empty()) {
    return wanted == live;
  }
  if (wanted.is_object()) {
    return same_map(wanted, fields, live);
  }
  return wanted.is_array() && same_list(wanted, fields, live);
}

/// What of an object is ownable: the server takes identity and its own bookkeeping out.
json ownable(const json& object) {
  json rest = object;
  rest.erase("apiVersion");
  rest.erase("kind");
  if (rest.contains("metadata")) {
    json& metadata = rest["metadata"];
    for (const char* name : {"name", "namespace", "generateName", "creationTimestamp", "selfLink",
                             "uid", "generation", "managedFields", "resourceVersion"}) {
      metadata.erase(name);
    }
    if (metadata.empty()) {
      rest.erase("metadata");
    }
  }
  return rest;
}

}  // namespace

std::optional<json> adopted_fields(const json& live, std::string_view manager) {
  json entries = at(live, "/metadata/managedFields");
  const bool last_applied = has_last_applied(live);
  const auto theirs = [&](const json& entry) { return is_client_side_apply(entry, last_applied); };
  if (!entries.is_array() || std::none_of(entries.begin(), entries.end(), theirs)) {
    return std::nullopt;
  }
  auto own = std::find_if(entries.begin(), entries.end(),
                          [&](const json& entry) { return is_own(entry, manager); });
  if (own == entries.end()) {
    own = std::find_if(entries.begin(), entries.end(), theirs);
    (*own)["manager"] = manager;
    (*own)["operation"] = "Apply";
  }
  const std::string version = text_at(*own, "/apiVersion");
  const auto other = std::find_if(entries.begin(), entries.end(), [&](const json& entry) {
    return theirs(entry) && text_at(entry, "/apiVersion") == version;
  });
  if (other != entries.end()) {
    unite((*own)["fieldsV1"], at(*other, "/fieldsV1"));
  }
  json kept = json::array();
  for (json& entry : entries) {
    if (!theirs(entry)) {
      kept.push_back(std::move(entry));
    }
  }
  return kept;
}

bool applied_already(const json& wanted, const json& live, std::string_view manager) {
  const json& entries = at(live, "/metadata/managedFields");
  if (!entries.is_array() || !text_at(live, "/metadata/deletionTimestamp").empty() ||
      adopted_fields(live, manager)) {
    return false;
  }
  const auto is_ours = [&](const json& entry) { return is_own(entry, manager); };
  const auto own = std::find_if(entries.begin(), entries.end(), is_ours);
  if (own == entries.end() || std::count_if(entries.begin(), entries.end(), is_ours) != 1 ||
      text_at(*own, "/apiVersion") != text_at(wanted, "/apiVersion") ||
      text_at(live, "/apiVersion") != text_at(wanted, "/apiVersion")) {
    return false;
  }
  const json& fields = at(*own, "/fieldsV1");
  const json rest = ownable(wanted);
  return fields.is_object() && same_map(rest, fields, live);
}

}  // namespace crossover::kube
