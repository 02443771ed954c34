#include "kube/discovery.h"

#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

bool Resource::can(std::string_view verb) const {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

void KindTable::add(Resource resource, bool preferred) {
  const auto [position, added] =
      kinds_.try_emplace({resource.api_version, resource.kind}, resource);
  if (added && preferred) {
    preferred_.push_back(std::move(resource));
  }
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

void read_aggregated(KindTable& table, const json& document) {
  for (const json& group : at(document, "/items")) {
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

std::shared_ptr<const KindTable> Discovery::table(bool anew) {
  {
    const std::lock_guard lock(mutex_);
    if (table_ && !anew) {
      return table_;
    }
  }
  std::shared_ptr<const KindTable> fresh = read();
  const std::lock_guard lock(mutex_);
  table_ = fresh;
  return fresh;
}

std::shared_ptr<const KindTable> Discovery::read() {
  std::vector<Call> calls(2);
  calls[0].path = "/api";
  calls[1].path = "/apis";
  for (Call& call : calls) {
    call.accept = aggregated_types;
  }
  const std::vector<Answer> answers = transport_.send_all(calls);
  for (const Answer& answer : answers) {
    if (!answer.ok()) {
      throw status_error(answer.status, answer.body, "discover", "kinds",
                         transport_.access().source);
    }
  }
  auto table = std::make_shared<KindTable>();
  const json core = parsed(answers[0]);
  const json groups = parsed(answers[1]);
  if (text_at(groups, "/kind") == "APIGroupDiscoveryList") {
    read_aggregated(*table, core);
    read_aggregated(*table, groups);
  } else {
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
  for (const bool anew : {false, true}) {
    if (const Resource* found = table(anew)->find(api_version, kind); found != nullptr) {
      return *found;
    }
  }
  return std::nullopt;
}

Resource Discovery::resource(const std::string& api_version, const std::string& kind) {
  if (std::optional<Resource> found = find(api_version, kind)) {
    return *found;
  }
  std::string others;
  for (const std::string& version : table(false)->versions_of(kind)) {
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
