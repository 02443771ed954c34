#include "resources/object_set.h"

#include <fmt/format.h>

#include <algorithm>
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

SetState observe(kube::Client& client, const ObjectSet& set,
                 const std::vector<std::string>& more_namespaces, Log& log) {
  std::vector<kube::Ref> refs;
  std::set<std::string> wanted;
  for (const json& object : set.objects()) {
    refs.push_back(kube::ref_of(object));
    wanted.insert(identity(object));
  }
  SetState state;
  state.live = client.find_all(refs);
  for (const std::optional<json>& live : state.live) {
    if (live) {
      kube::refuse_gitops_owned(*live);
    }
  }
  std::vector<std::string> places = set.namespaces();
  for (const std::string& ns : more_namespaces) {
    if (std::ranges::find(places, ns) == places.end()) {
      places.push_back(ns);
    }
  }
  for (const std::string& ns : places) {
    for (json& object : kube::select_all_by_label(client, set.selector(), ns, log)) {
      if (!wanted.contains(identity(object))) {
        state.stale.push_back(std::move(object));
      }
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
