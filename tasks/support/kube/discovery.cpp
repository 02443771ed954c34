#include "kube/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "kube/status_error.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr const char* aggregated_types =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json";

std::vector<std::string> strings(const json& list) {
  std::vector<std::string> values;
  for (const json& value : list) {
    if (value.is_string()) {
      values.push_back(value.get<std::string>());
    }
  }
  return values;
}

std::string joined(const std::string& group, const std::string& version) {
  return group.empty() ? version : group + "/" + version;
}

json parsed(const Answer& answer) {
  return answer.ok() ? json::parse(answer.body, nullptr, false) : json();
}

/// For so long a table counts as just read.
constexpr auto fresh_for = std::chrono::seconds(1);

/// Of an element of "items" in a document.
constexpr int group_depth = 2;

/// All else, such as every subresource of every kind, is dropped while it is parsed.
const std::set<std::string, std::less<>> keys_read = {
    // of an APIGroupDiscoveryList
    "kind", "items", "metadata", "name", "versions", "version", "resources", "resource",
    "responseKind", "scope", "verbs", "shortNames", "categories",
    // of an APIGroupList
    "groups", "groupVersion", "preferredVersion"};

void add_group(KindTable& table, const json& group) {
  const std::string name = text_at(group, "/metadata/name");
  bool preferred = true;  // the first version that a group lists
  for (const json& version : at(group, "/versions")) {
    const std::string api_version = joined(name, text_at(version, "/version"));
    for (const json& item : at(version, "/resources")) {
      const std::string kind = text_at(item, "/responseKind/kind");
      if (!kind.empty()) {
        table.add({api_version, kind, text_at(item, "/resource"),
                   text_at(item, "/scope") == "Namespaced", strings(at(item, "/verbs")),
                   strings(at(item, "/shortNames")), strings(at(item, "/categories"))},
                  preferred);
      }
    }
    preferred = false;
  }
}

}  // namespace

bool Resource::can(std::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

void KindTable::add(Resource&& resource, bool preferred) {
  auto key = std::pair{resource.api_version, resource.kind};
  const auto [position, added] = kinds_.try_emplace(std::move(key), std::move(resource));
  if (added && preferred) {
    preferred_.push_back(&position->second);
  }
}

std::vector<Resource> KindTable::preferred() const {
  std::vector<Resource> resources;
  resources.reserve(preferred_.size());
  for (const Resource* resource : preferred_) {
    resources.push_back(*resource);
  }
  return resources;
}

const Resource* KindTable::find(const std::string& api_version, const std::string& kind) const {
  const auto found = kinds_.find({api_version, kind});
  return found == kinds_.end() ? nullptr : &found->second;
}

std::vector<std::string> KindTable::versions_of(const std::string& kind) const {
  std::vector<std::string> versions;
  for (const auto& [key, resource] : kinds_) {
    if (key.second == kind) {
      versions.push_back(key.first);
    }
  }
  return versions;
}

json read_aggregated(KindTable& table, const std::string& text) {
  bool in_groups = false;
  // false drops what has been parsed, so that the tree never grows beyond one group.
  const auto keep = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      in_groups = depth == 1 ? key == "items" : in_groups;
      return keys_read.contains(key);
    }
    if (event == json::parse_event_t::object_end && in_groups && depth == group_depth) {
      add_group(table, parsed);
      return false;
    }
    return true;
  };
  json rest = json::parse(text, keep, false);
  return rest.is_discarded() ? json() : rest;
}

void read_resource_list(KindTable& table, const json& document, bool preferred) {
  const std::string api_version = text_at(document, "/groupVersion");
  for (const json& item : at(document, "/resources")) {
    const std::string plural = text_at(item, "/name");
    if (plural.find('/') == std::string::npos) {
      table.add({api_version, text_at(item, "/kind"), plural, at(item, "/namespaced") == true,
                 strings(at(item, "/verbs")), strings(at(item, "/shortNames")),
                 strings(at(item, "/categories"))},
                preferred);
    }
  }
}

void Discovery::forget() {
  const std::lock_guard lock(mutex_);
  table_.reset();
}

void Discovery::forget_old() {
  if (is_old()) {
    forget();
  }
}

std::shared_ptr<const KindTable> Discovery::table() {
  {
    const std::lock_guard lock(mutex_);
    if (table_) {
      return table_;
    }
  }
  return table_anew();
}

std::shared_ptr<const KindTable> Discovery::table_anew() {
  const Clock::Monotonic asked = clock_.now();
  std::shared_ptr<const KindTable> fresh = read();
  const std::lock_guard lock(mutex_);
  table_ = fresh;
  read_at_ = asked;
  return fresh;
}

std::shared_ptr<const KindTable> Discovery::read() {
  std::vector<Call> calls(2);
  calls[0].path = "/api";
  calls[1].path = "/apis";
  for (Call& call : calls) {
    call.accept = aggregated_types;
  }
  std::vector<Answer> answers = transport_.send_all(calls);
  for (const Answer& answer : answers) {
    if (!answer.ok()) {
      throw status_error(answer.status, answer.body, "discover", "kinds",
                         transport_.access().source);
    }
  }
  auto table = std::make_shared<KindTable>();
  const json core = read_aggregated(*table, answers[0].body);
  const json groups = read_aggregated(*table, answers[1].body);
  answers.clear();
  if (text_at(groups, "/kind") != "APIGroupDiscoveryList") {
    read_legacy(*table, core, groups);
  }
  return table;
}

void Discovery::read_legacy(KindTable& table, const json& core, const json& groups) {
  std::vector<Call> calls;
  std::vector<bool> preferred;
  for (const std::string& version : strings(at(core, "/versions"))) {
    calls.emplace_back().path = "/api/" + version;
    preferred.push_back(calls.size() == 1);
  }
  for (const json& group : at(groups, "/groups")) {
    const std::string best = text_at(group, "/preferredVersion/groupVersion");
    for (const json& version : at(group, "/versions")) {
      const std::string name = text_at(version, "/groupVersion");
      calls.emplace_back().path = "/apis/" + name;
      preferred.push_back(name == best);
    }
  }
  // A group whose own server is down answers with an error and does not hide the others.
  const std::vector<Answer> answers = transport_.send_all(calls);
  for (std::size_t index = 0; index < answers.size(); ++index) {
    read_resource_list(table, parsed(answers[index]), preferred[index]);
  }
}

std::optional<Resource> Discovery::find(const std::string& api_version, const std::string& kind) {
  std::shared_ptr<const KindTable> kinds = table();
  const Resource* found = kinds->find(api_version, kind);
  if (found == nullptr && is_old()) {
    kinds = table_anew();
    found = kinds->find(api_version, kind);
  }
  return found == nullptr ? std::nullopt : std::optional(*found);
}

bool Discovery::is_old() {
  const std::lock_guard lock(mutex_);
  return clock_.now() - read_at_ > fresh_for;
}

Resource Discovery::resource(const std::string& api_version, const std::string& kind) {
  if (std::optional<Resource> found = find(api_version, kind)) {
    return *found;
  }
  std::string others;
  for (const std::string& version : table()->versions_of(kind)) {
    others += (others.empty() ? "'" : ", '") + version + "'";
  }
  throw Error(ErrorKind::precondition,
              fmt::format("unable to find kind '{}' of '{}': the server does not serve it", kind,
                          api_version),
              others.empty()
                  ? "install its custom resource definition, or leave such objects out; 'oc "
                    "api-resources' lists what there is"
                  : fmt::format("the server has this kind in {}", others));
}

}  // namespace crossover::kube
