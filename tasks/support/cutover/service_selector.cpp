#include "cutover/service_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/conditional_patch.h"
#include "kube/gitops.h"
#include "kube/object.h"

namespace crossover::cutover {
namespace {

using nlohmann::json;

constexpr const char* annotation_path = "/metadata/annotations/crossover~1previous-selector";

json guarded(const json& service) {
  return json::array({{{"op", "test"},
                       {"path", "/metadata/resourceVersion"},
                       {"value", kube::text_at(service, "/metadata/resourceVersion")}}});
}

[[noreturn]] void refuse(const json& service, const std::string& cause, std::string hint) {
  throw Error(
      ErrorKind::precondition,
      fmt::format("unable to move the callers of '{}': {}", kube::ref_of(service).text(), cause),
      std::move(hint));
}

const json& selector_of(const json& service, const std::string& key) {
  const json& selector = kube::at(service, "/spec/selector");
  if (!selector.is_object() || selector.empty()) {
    refuse(service, fmt::format("'{}' has no selector", kube::ref_of(service).text()),
           fmt::format("set {}.moveCallers to false and move its callers yourself", key));
  }
  return selector;
}

// A port without a targetPort leads to the number that it has itself.
json target_port(const json& port) {
  return port.contains("targetPort") ? port["targetPort"] : port.value("port", json());
}

void require_ports(const json& from, const json& to, const std::string& key) {
  for (const json& port : kube::at(from, "/spec/ports")) {
    const json wanted = target_port(port);
    const json& offered = kube::at(to, "/spec/ports");
    if (std::none_of(offered.begin(), offered.end(),
                     [&](const json& other) { return target_port(other) == wanted; })) {
      refuse(
          from,
          fmt::format("its target port {} is none of '{}'", wanted.dump(), kube::ref_of(to).text()),
          fmt::format("give the new API's Service the same target ports, or set {}.moveCallers to "
                      "false",
                      key));
    }
  }
}

}  // namespace

json move_patch(const json& from, const json& to, const std::string& key) {
  const json& old_selector = selector_of(from, key);
  const json& new_selector = selector_of(to, key);
  if (!kube::annotation(from, previous_selector_annotation).empty() ||
      old_selector == new_selector) {
    return json::array();
  }
  require_ports(from, to, key);
  json patch = guarded(from);
  if (!from.at("metadata").contains("annotations")) {
    patch.push_back({{"op", "add"}, {"path", "/metadata/annotations"}, {"value", json::object()}});
  }
  patch.push_back({{"op", "add"}, {"path", annotation_path}, {"value", old_selector.dump()}});
  patch.push_back({{"op", "replace"}, {"path", "/spec/selector"}, {"value", new_selector}});
  return patch;
}

json put_back_patch(const json& service) {
  const std::string kept = kube::annotation(service, previous_selector_annotation);
  if (kept.empty()) {
    return json::array();
  }
  const json selector = json::parse(kept, nullptr, false);
  if (!selector.is_object() || selector.empty()) {
    refuse(service,
           fmt::format("its annotation '{}' is not a selector", previous_selector_annotation),
           "put the Service's selector back yourself and take that annotation off");
  }
  json patch = guarded(service);
  patch.push_back({{"op", "remove"}, {"path", annotation_path}});
  patch.push_back({{"op", "replace"}, {"path", "/spec/selector"}, {"value", selector}});
  return patch;
}

json ServiceSelector::read() const { return client_.get(ref()); }

void ServiceSelector::require_movable() {
  const json service = read();
  kube::refuse_gitops_owned(service);
  move_patch(service, client_.get({"v1", "Service", ns_, new_}), key_);
}

bool ServiceSelector::moved() {
  const auto service = client_.find(ref());
  return service && !kube::annotation(*service, previous_selector_annotation).empty();
}

json ServiceSelector::previous_selector() {
  json kept = json::parse(kube::annotation(read(), previous_selector_annotation), nullptr, false);
  return kept.is_object() && !kept.empty() ? kept : json();
}

bool ServiceSelector::move() { return change(false); }
bool ServiceSelector::put_back() { return change(true); }

bool ServiceSelector::change(bool back) {
  return kube::patch_conditionally(client_, ref(), [&](const json& service) {
    kube::refuse_gitops_owned(service);
    return back ? put_back_patch(service)
                : move_patch(service, client_.get({"v1", "Service", ns_, new_}), key_);
  });
}

}  // namespace crossover::cutover
