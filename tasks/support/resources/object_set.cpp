#include "resources/object_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "kube/cleanup.h"
#include "kube/gitops.h"

namespace crossover::resources {

namespace {

using nlohmann::json;

constexpr std::size_t label_value_limit = 63;

std::string selector_of(const std::string& migration, const std::string& set) {
  const std::string value = migration + "." + set;
  if (value.size() > label_value_limit) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to use 'name': label value '{}' has more than {} characters",
                            value, label_value_limit),
                "give the migration a shorter name in crossover.yaml");
  }
  return fmt::format("{}={}", set_label, value);
}

/// Where an object is, without the version of its kind: an object moves between versions.
std::string identity(const json& object) {
  const kube::Ref ref = kube::ref_of(object);
  const std::size_t slash = ref.api_version.find('/');
  return fmt::format("{}|{}|{}|{}",
                     slash == std::string::npos ? "" : ref.api_version.substr(0, slash), ref.kind,
                     ref.ns, ref.name);
}

cli::PlanStep delete_step(const json& object) {
  kube::refuse_gitops_owned(object);
  const kube::Ref ref = kube::ref_of(object);
  return {.action = "delete",
          .object = ref.text(),
          .detail = ref.ns.empty() ? std::string() : "in namespace " + ref.ns,
          .payload = {{"namespace", ref.ns}, {"uid", kube::text_at(object, "/metadata/uid")}}};
}

}  // namespace

ObjectSet::ObjectSet(const std::string& migration, const std::string& name,
                     std::vector<json> objects)
    : objects_(std::move(objects)), selector_(selector_of(migration, name)) {
  const std::string value = selector_.substr(set_label.size() + 1);
  std::set<std::string> seen;
  for (json& object : objects_) {
    if (!seen.insert(identity(object)).second) {
      throw Error(ErrorKind::usage,
                  fmt::format("unable to use '{}': it is there twice", kube::ref_of(object).text()),
                  "two sources make the same object: keep one");
    }
    object["metadata"]["labels"][std::string(set_label)] = value;
  }
}

std::vector<std::string> ObjectSet::namespaces() const {
  std::set<std::string> names;
  for (const json& object : objects_) {
    names.insert(kube::text_at(object, "/metadata/namespace"));
  }
  names.erase("");
  return {names.begin(), names.end()};
}

namespace {

std::vector<std::string> places_of(const ObjectSet& set,
                                   const std::vector<std::string>& more_namespaces) {
  std::vector<std::string> places = set.namespaces();
  for (const std::string& ns : more_namespaces) {
    if (std::ranges::find(places, ns) == places.end()) {
      places.push_back(ns);
    }
  }
  return places;
}

/// Those that do not bear the set's label yet, or are not there at all.
void read_missing(kube::Client& client, const ObjectSet& set, SetState& state) {
  std::vector<std::size_t> missing;
  std::vector<kube::Ref> refs;
  for (std::size_t index = 0; index < state.live.size(); ++index) {
    if (!state.live[index]) {
      missing.push_back(index);
      refs.push_back(kube::ref_of(set.objects()[index]));
    }
  }
  std::vector<std::optional<json>> found = client.find_all(refs);
  for (std::size_t slot = 0; slot < missing.size(); ++slot) {
    state.live[missing[slot]] = std::move(found[slot]);
  }
}

}  // namespace

SetState observe(kube::Client& client, const ObjectSet& set,
                 const std::vector<std::string>& more_namespaces, Log& log) {
  std::map<std::string, std::size_t> wanted;
  for (std::size_t index = 0; index < set.objects().size(); ++index) {
    wanted.emplace(identity(set.objects()[index]), index);
  }
  SetState state;
  state.live.resize(set.objects().size());
  for (const std::string& ns : places_of(set, more_namespaces)) {
    for (json& object : kube::select_all_by_label(client, set.selector(), ns, log)) {
      const auto found = wanted.find(identity(object));
      if (found == wanted.end()) {
        state.stale.push_back(std::move(object));
      } else if (object["apiVersion"] == set.objects()[found->second]["apiVersion"]) {
        state.live[found->second] = std::move(object);
      }
    }
  }
  read_missing(client, set, state);
  for (const std::optional<json>& live : state.live) {
    if (live) {
      kube::refuse_gitops_owned(*live);
    }
  }
  return state;
}

json presentable(json object) {
  if (kube::text_at(object, "/kind") == "Secret") {
    for (const char* part : {"data", "stringData"}) {
      if (object.contains(part) && object[part].is_object()) {
        for (auto& [key, value] : object[part].items()) {
          value = "[redacted]";
        }
      }
    }
  }
  return object;
}

void add_steps(cli::Plan& plan, const ObjectSet& set, const SetState& state) {
  for (std::size_t index = 0; index < set.objects().size(); ++index) {
    const json& object = set.objects()[index];
    const bool there = index < state.live.size() && state.live[index].has_value();
    plan.add({.action = "apply",
              .object = kube::ref_of(object).text(),
              .detail = there ? "exists" : "is not there yet",
              .payload = presentable(object)});
  }
  add_delete_steps(plan, state.stale);
}

std::vector<kube::Applied> apply(kube::Client& client, const ObjectSet& set, const SetState& state,
                                 const ApplyLimits& limits, const Clock& clock, Log& log,
                                 const StopRequest& stop, cli::Result& result) {
  kube::ApplyOptions options;
  options.force = limits.force;
  std::vector<kube::Applied> outcomes = client.apply_all(set.objects(), options);
  for (std::size_t index = 0; index < outcomes.size(); ++index) {
    if (outcomes[index].changed) {
      const kube::Ref ref = kube::ref_of(set.objects()[index]);
      result.add_change(ref.text(), outcomes[index].created ? "created" : "updated",
                        ref.ns.empty() ? std::string() : "in namespace " + ref.ns);
    }
  }
  remove(client, state.stale, limits.delete_timeout, clock, log, stop, result);
  return outcomes;
}

std::vector<json> members(kube::Client& client, const std::string& migration,
                          const std::string& set, const std::vector<std::string>& namespaces,
                          Log& log) {
  const std::string selector = selector_of(migration, set);
  std::vector<json> objects;
  for (const std::string& ns : std::set<std::string>(namespaces.begin(), namespaces.end())) {
    std::vector<json> more = kube::select_all_by_label(client, selector, ns, log);
    std::ranges::move(more, std::back_inserter(objects));
  }
  return objects;
}

void add_delete_steps(cli::Plan& plan, const std::vector<json>& objects) {
  for (const json& object : objects) {
    plan.add(delete_step(object));
  }
}

void remove(kube::Client& client, const std::vector<json>& objects, Duration timeout,
            const Clock& clock, Log& log, const StopRequest& stop, cli::Result& result) {
  if (objects.empty()) {
    return;
  }
  for (const kube::Ref& ref : kube::delete_all(client, objects, timeout, clock, log, stop)) {
    result.add_change(ref.text(), "deleted",
                      ref.ns.empty() ? std::string() : "in namespace " + ref.ns);
  }
}

}  // namespace crossover::resources
