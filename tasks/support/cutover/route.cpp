#include "cutover/route.h"

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

bool is_http_route(const json& object) { return object.value("kind", "") == "HTTPRoute"; }

// What a reference counts for that says nothing, and how much it can say (Route: 0 to 256;
// HTTPRoute: 0 to 1,000,000).
struct Weights {
  std::int64_t unsaid = 1;
  std::int64_t most = 1;
};

// A reference means a Service of the object's own namespace unless it says otherwise.
class Names {
 public:
  Names(const json& object, std::string service)
      : ns_(kube::text_at(object, "/metadata/namespace")), service_(std::move(service)) {}
  bool operator()(const json& reference) const {
    const std::string ns = reference.value("namespace", "");
    return reference.value("kind", "Service") == "Service" &&
           reference.value("group", "").empty() && (ns.empty() || ns == ns_) &&
           reference.value("name", "") == service_;
  }
  bool among(const json& references) const {
    return std::any_of(references.begin(), references.end(), *this);
  }

 private:
  std::string ns_;
  std::string service_;
};

std::string current_backends_text(const json& object) {
  json list = json::array();
  for (const Backend& backend : route_backends(object)) {
    list.push_back({{"service", backend.service}, {"weight", backend.weight}});
  }
  return list.dump();
}

json guarded_patch(const json& object) {
  json patch = json::array();
  patch.push_back({{"op", "test"},
                   {"path", "/metadata/resourceVersion"},
                   {"value", kube::text_at(object, "/metadata/resourceVersion")}});
  if (!object.at("metadata").contains("annotations")) {
    patch.push_back({{"op", "add"}, {"path", "/metadata/annotations"}, {"value", json::object()}});
  }
  patch.push_back({{"op", "add"},
                   {"path", "/metadata/annotations/crossover~1previous-backends"},
                   {"value", current_backends_text(object)}});
  return patch;
}

// `to` takes the place and weight of `from`; where it is a backend already, it takes the weights of
// both.
json moved(const json& references, const Names& from, const Names& to, const std::string& to_name,
           const Weights& weights) {
  const bool there = to.among(references);
  std::int64_t freed = 0;
  json result = json::array();
  for (json reference : references) {
    if (from(reference)) {
      if (there) {
        freed += reference.value("weight", weights.unsaid);
        continue;
      }
      reference["name"] = to_name;
    }
    result.push_back(std::move(reference));
  }
  for (json& reference : result) {
    if (freed > 0 && to(reference)) {
      reference["weight"] =
          std::min(reference.value("weight", weights.unsaid) + freed, weights.most);
      freed = 0;
    }
  }
  return result;
}

[[noreturn]] void throw_no_backend(const json& object, const std::string& from,
                                   const std::string& to, const std::string& key) {
  throw Error(ErrorKind::precondition,
              fmt::format("unable to patch '{}': no backend is service '{}'",
                          kube::ref_of(object).text(), from),
              fmt::format("it leads to {}; correct {}.oldService and {}.newService in "
                          "crossover.yaml, or lead it to '{}' yourself",
                          current_backends_text(object), key, key, to));
}

json http_route_patch(const json& object, const std::string& from, const std::string& to,
                      const std::string& key) {
  json patch = guarded_patch(object);
  const Names leaves(object, from);
  const Names comes(object, to);
  bool found = false;
  bool change = false;
  const json& rules = kube::at(object, "/spec/rules");
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const json references = rules[i].value("backendRefs", json::array());
    if (leaves.among(references)) {
      change = true;
      patch.push_back({{"op", "replace"},
                       {"path", fmt::format("/spec/rules/{}/backendRefs", i)},
                       {"value", moved(references, leaves, comes, to, {1, 1'000'000})}});
    }
    found = found || comes.among(references);
  }
  if (change) {
    return patch;
  }
  if (!found) {
    throw_no_backend(object, from, to, key);
  }
  return json::array();
}

json openshift_route_patch(const json& object, const std::string& from, const std::string& to,
                           const std::string& key) {
  const json& first = kube::at(object, "/spec/to");
  const json& others = kube::at(object, "/spec/alternateBackends");
  json all = json::array({first});
  for (const json& other : others) {
    all.push_back(other);
  }
  const Names leaves(object, from);
  const Names comes(object, to);
  if (!leaves.among(all)) {
    if (!comes.among(all)) {
      throw_no_backend(object, from, to, key);
    }
    return json::array();
  }
  const json after = moved(all, leaves, comes, to, {100, 256});
  json patch = guarded_patch(object);
  patch.push_back({{"op", "replace"}, {"path", "/spec/to"}, {"value", after.at(0)}});
  if (after.size() == 1 && !others.is_null()) {
    patch.push_back({{"op", "remove"}, {"path", "/spec/alternateBackends"}});
  } else if (!others.is_null()) {
    json rest = json::array();
    for (std::size_t i = 1; i < after.size(); ++i) {
      rest.push_back(after[i]);
    }
    patch.push_back({{"op", "replace"}, {"path", "/spec/alternateBackends"}, {"value", rest}});
  }
  return patch;
}

}  // namespace

std::vector<Backend> route_backends(const json& object) {
  std::vector<Backend> backends;
  const auto add = [&backends](const json& reference, std::int64_t otherwise) {
    const Backend backend{reference.value("name", ""), reference.value("weight", otherwise)};
    if (std::find(backends.begin(), backends.end(), backend) == backends.end()) {
      backends.push_back(backend);
    }
  };
  if (is_http_route(object)) {
    for (const json& rule : kube::at(object, "/spec/rules")) {
      for (const json& reference : rule.value("backendRefs", json::array())) {
        add(reference, 1);
      }
    }
    return backends;
  }
  add(kube::at(object, "/spec/to"), 100);
  for (const json& reference : kube::at(object, "/spec/alternateBackends")) {
    add(reference, 0);
  }
  return backends;
}

json route_patch(const json& object, const std::string& from, const std::string& to,
                 const std::string& key) {
  return is_http_route(object) ? http_route_patch(object, from, to, key)
                               : openshift_route_patch(object, from, to, key);
}

bool was_led_from(const json& object, const std::string& service) {
  const json kept =
      json::parse(kube::annotation(object, previous_backends_annotation), nullptr, false);
  return kept.is_array() && std::ranges::any_of(kept, [&](const json& backend) {
           return kube::text_at(backend, "/service") == service;
         });
}

RouteControl::RouteControl(kube::Client& client, config::Route route, std::string ns)
    : client_(client), route_(std::move(route)), ns_(std::move(ns)) {}

kube::Ref RouteControl::ref() const {
  if (route_.kind == config::RouteKind::http_route) {
    return {"gateway.networking.k8s.io/v1", "HTTPRoute", ns_, route_.name};
  }
  return {"route.openshift.io/v1", "Route", ns_, route_.name};
}

json RouteControl::read() const {
  json object = client_.get(ref());
  kube::refuse_gitops_owned(object);
  return object;
}

bool RouteControl::lead_to_new() { return lead(route_.old_service, route_.new_service); }
bool RouteControl::lead_to_old() { return lead(route_.new_service, route_.old_service); }

bool RouteControl::leads_to_new() const {
  return route_patch(read(), route_.old_service, route_.new_service, route_.key).empty();
}
bool RouteControl::leads_to_old() const {
  return route_patch(read(), route_.new_service, route_.old_service, route_.key).empty();
}
bool RouteControl::was_led_to_new() const {
  const auto object = client_.find(ref());
  return object && was_led_from(*object, route_.old_service) &&
         route_patch(*object, route_.old_service, route_.new_service, route_.key).empty();
}

bool RouteControl::lead(const std::string& from, const std::string& to) {
  if (!client_.find({"v1", "Service", ns_, to})) {
    throw Error(ErrorKind::precondition,
                fmt::format("unable to lead '{}' to service '{}': the service does not exist",
                            ref().text(), to),
                fmt::format("run `db-provision apply`, or correct the {} section of crossover.yaml",
                            route_.key));
  }
  return kube::patch_conditionally(client_, ref(), [&](const json& object) {
    kube::refuse_gitops_owned(object);
    return route_patch(object, from, to, route_.key);
  });
}

}  // namespace crossover::cutover
