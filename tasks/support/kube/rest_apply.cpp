#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/retry.h"
#include "kube/managed_fields.h"
#include "kube/rest_client.h"
#include "kube/status_error.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

constexpr auto new_kind_budget = std::chrono::seconds(15);
constexpr int adoption_tries = 5;

/// What others need comes first; a kind that is in no phase is a workload. What pods look at when
/// they start is all in one phase: a phase waits for the slowest of the one before.
int phase_of(const std::string& kind) {
  static const std::map<std::string, int, std::less<>> phases = {
      {"Namespace", 0},
      {"CustomResourceDefinition", 1},
      {"PriorityClass", 2},
      {"StorageClass", 2},
      {"ResourceQuota", 2},
      {"LimitRange", 2},
      {"ServiceAccount", 2},
      {"ClusterRole", 3},
      {"Role", 3},
      {"ClusterRoleBinding", 4},
      {"RoleBinding", 4},
      {"ConfigMap", 5},
      {"Secret", 5},
      {"PersistentVolume", 5},
      {"PersistentVolumeClaim", 5},
      {"NetworkPolicy", 5},
      {"NetworkSecurityPolicy", 5},
      {"ExternalNetwork", 5},
      {"Service", 5},
      {"Route", 7},
      {"Ingress", 7},
      {"HTTPRoute", 7},
  };
  constexpr int workloads = 6;
  const auto found = phases.find(kind);
  return found == phases.end() ? workloads : found->second;
}

/// The server makes objects of some kinds one after another (a Service waits for its address): the
/// kinds go mixed, each at an even pace, so that no kind is left over for the end.
template <typename Item>
void mix_kinds(std::vector<Item*>& items) {
  std::map<std::string, double> total;
  for (const Item* item : items) {
    ++total[item->ref.kind];
  }
  std::map<std::string, double> before;
  std::vector<std::pair<double, Item*>> paced;
  for (Item* item : items) {
    const std::string& kind = item->ref.kind;
    paced.emplace_back((before[kind]++ + 0.5) / total[kind], item);
  }
  std::ranges::stable_sort(paced, {}, &std::pair<double, Item*>::first);
  std::ranges::transform(paced, items.begin(), &std::pair<double, Item*>::second);
}

/// The group and kind that a CustomResourceDefinition brings.
std::pair<std::string, std::string> defined_kind(const json& object) {
  if (text_at(object, "/kind") != "CustomResourceDefinition") {
    return {};
  }
  return {text_at(object, "/spec/group"), text_at(object, "/spec/names/kind")};
}

/// For the comparison of a dry run: what moves with every write, or is bookkeeping.
json essence(const json& object) {
  json rest = object;
  if (rest.contains("metadata")) {
    for (const char* name : {"managedFields", "resourceVersion", "generation"}) {
      rest["metadata"].erase(name);
    }
  }
  return rest;
}

json body_of(const json& object) {
  json body = object;
  if (body.contains("metadata") && body["metadata"].is_object()) {
    // They would be preconditions or refused, and are never what a manifest means.
    for (const char* name : {"managedFields", "resourceVersion", "uid", "creationTimestamp",
                             "generation", "selfLink"}) {
      body["metadata"].erase(name);
    }
  }
  return body;
}

}  // namespace

struct RestClient::Item {
  json body;
  Ref ref;
  Resource resource;
  std::optional<json> live;
  bool settled = false;  // nothing is left to send
  bool adopted = false;
  Answer answer;
  Applied result;
};

Applied RestClient::apply(const json& object, const ApplyOptions& options) {
  return std::move(apply_all({&object, 1}, options).front());
}

std::vector<Applied> RestClient::apply_all(std::span<const json> objects,
                                           const ApplyOptions& options) {
  std::vector<Item> items(objects.size());
  std::map<int, std::vector<Item*>> phases;
  std::set<std::pair<std::string, std::string>> defined;
  for (const json& object : objects) {
    defined.insert(defined_kind(object));
  }
  for (std::size_t index = 0; index < objects.size(); ++index) {
    Item& item = items[index];
    item.ref = ref_of(objects[index]);
    item.body = body_of(objects[index]);
    const std::string& version = item.ref.api_version;
    const std::string group = version.substr(0, std::min(version.find('/'), version.size()));
    if (!defined.contains({group, item.ref.kind})) {
      resource(version, item.ref.kind);  // a missing kind shows before anything is changed
    }
    phases[phase_of(item.ref.kind)].push_back(&item);
  }
  bool crds = false;
  for (auto& [phase, members] : phases) {
    for (Item* item : members) {
      item->resource = resource_after_crds(item->ref, crds && !options.dry_run);
    }
    apply_phase(members, options);
    crds = crds || phase == phase_of("CustomResourceDefinition");
  }
  std::vector<Applied> results;
  results.reserve(items.size());
  for (Item& item : items) {
    results.push_back(std::move(item.result));
  }
  return results;
}

Resource RestClient::resource_after_crds(const Ref& ref, bool crds_were_applied) {
  if (crds_were_applied) {
    const StopRequest never;
    poll(clock_, never, new_kind_budget, std::chrono::milliseconds(100), [&] {
      const bool there = discovery_.find(ref.api_version, ref.kind).has_value();
      if (!there) {
        discovery_.forget();
      }
      return there;
    });
  }
  return discovery_.resource(ref.api_version, ref.kind);
}

void RestClient::apply_phase(std::vector<Item*>& items, const ApplyOptions& options) {
  read_live(items);
  for (Item* item : items) {
    if (item->live && applied_already(item->body, *item->live, options.manager)) {
      item->settled = true;
      item->result.object = std::move(*item->live);
    }
  }
  if (options.adopt) {
    adopt(items, options);
  }
  send_applies(items, options);
}

void RestClient::read_live(std::vector<Item*>& items) {
  std::vector<Target> targets;
  targets.reserve(items.size());
  for (const Item* item : items) {
    targets.push_back({item->ref, item->resource});
  }
  std::vector<std::optional<json>> live = read_all(targets);
  for (std::size_t index = 0; index < items.size(); ++index) {
    items[index]->live = std::move(live[index]);
  }
}

void RestClient::adopt(std::vector<Item*>& items, const ApplyOptions& options) {
  for (Item* item : items) {
    for (int attempt = 1; !item->settled && item->live; ++attempt) {
      const std::optional<json> fields = adopted_fields(*item->live, options.manager);
      if (!fields) {
        break;
      }
      item->adopted = true;
      if (options.dry_run) {
        break;
      }
      const json patch = {
          {{"op", "replace"}, {"path", "/metadata/managedFields"}, {"value", *fields}},
          {{"op", "replace"},
           {"path", "/metadata/resourceVersion"},
           {"value", text_at(*item->live, "/metadata/resourceVersion")}}};
      Call call;
      call.method = "PATCH";
      call.path = object_path(item->resource, item->ref);
      call.body = patch.dump();
      call.content_type = "application/json-patch+json";
      const Answer answer = transport_.send(call);
      if (answer.ok()) {
        break;
      }
      if (answer.status != 409 || attempt == adoption_tries) {
        throw status_error(answer.status, answer.body, "adopt", item->ref.text(),
                           transport_.access().source);
      }
      item->live = find(item->ref);  // written meanwhile
    }
  }
}

void RestClient::send_applies(std::vector<Item*>& items, const ApplyOptions& options) {
  std::vector<Item*> open;
  std::ranges::copy_if(items, std::back_inserter(open), [](Item* item) { return !item->settled; });
  std::vector<Item*> mixed = open;
  mix_kinds(mixed);
  std::vector<Call> calls;
  for (const Item* item : mixed) {
    Call& call = calls.emplace_back();
    call.method = "PATCH";
    call.path =
        object_path(item->resource, item->ref) +
        fmt::format("?fieldManager={}&fieldValidation=Strict{}{}",
                    http::encode_component(options.manager), options.force ? "&force=true" : "",
                    options.dry_run ? "&dryRun=All" : "");
    call.body = item->body.dump();
    call.content_type = "application/apply-patch+yaml";
  }
  std::vector<Answer> answers = transport_.send_all(calls);
  for (std::size_t index = 0; index < mixed.size(); ++index) {
    mixed[index]->answer = std::move(answers[index]);
  }
  for (Item* item : open) {
    take_applied(*item, options);
  }
}

void RestClient::take_applied(Item& item, const ApplyOptions& options) const {
  if (!item.answer.ok()) {
    throw apply_error(item.answer, item);
  }
  item.result.object = accepted(item.answer, "apply", item.ref.text());
  item.result.created = item.answer.status == 201 || (item.answer.repeated && !item.live);
  const auto version = [](const json& object) {
    return text_at(object, "/metadata/resourceVersion");
  };
  item.result.changed = item.result.created || item.adopted || !item.live ||
                        (options.dry_run ? essence(*item.live) != essence(item.result.object)
                                         : version(*item.live) != version(item.result.object));
}

Error RestClient::apply_error(const Answer& answer, const Item& item) const {
  Error error = status_error(answer.status, answer.body, "apply", item.ref.text(),
                             transport_.access().source);
  if (answer.status != 422 || item.ref.kind != "StatefulSet" || !item.live) {
    return error;
  }
  const std::vector<std::string> fields = immutable_changes(item.body, *item.live);
  if (fields.empty()) {
    return error;
  }
  std::string named;
  for (const std::string& field : fields) {
    named += fmt::format("{}field '{}' is immutable", named.empty() ? "" : "; ", field);
  }
  return Error(ErrorKind::precondition,
               fmt::format("unable to apply '{}': {}", item.ref.text(), named),
               "a StatefulSet is never deleted by us: keep the value, or use another name")
      .set_http_status(answer.status);
}

}  // namespace crossover::kube
