#include "db-provision/references.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "kube/object.h"
#include "resources/route_target.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

std::string place(const json& object) { return kube::text_at(object, "/metadata/namespace"); }

/// namespace/name.
std::string key(const std::string& ns, const std::string& name) { return ns + "/" + name; }

class Graph {
 public:
  Graph(const std::vector<json>& going, const Surroundings& around) : around_(around) {
    for (const json& object : going) {
      uids_.insert(kube::text_at(object, "/metadata/uid"));
    }
    for (const json& service : around.services) {
      if (goes(service) || loses_all_pods(service)) {
        services_.insert(key(place(service), kube::text_at(service, "/metadata/name")));
      }
    }
  }

  bool goes(const json& object) const {
    return uids_.contains(kube::text_at(object, "/metadata/uid"));
  }
  bool service_goes(const std::string& ns, const std::string& name) const {
    return services_.contains(key(ns, name));
  }

 private:
  bool loses_all_pods(const json& service) const {
    bool any = false;
    for (const json& workload : around_.workloads) {
      if (place(workload) == place(service) &&
          kube::selects(kube::at(service, "/spec/selector"),
                        kube::at(workload, "/spec/template/metadata/labels"))) {
        if (!goes(workload)) {
          return false;
        }
        any = true;
      }
    }
    return any;
  }

  const Surroundings& around_;
  std::set<std::string> uids_;
  std::set<std::string> services_;
};

void add_environment(const Graph& graph, const json& workload, std::vector<Reference>& found) {
  for (const json& container : kube::at(workload, "/spec/template/spec/containers")) {
    for (const json& variable : kube::at(container, "/env")) {
      const std::string value = kube::text_at(variable, "/value");
      const std::string name = value.substr(0, value.find('.'));
      if (!name.empty() && graph.service_goes(place(workload), name)) {
        found.push_back(
            {kube::ref_of(workload).text() + " (" + kube::text_at(variable, "/name") + ")",
             "service/" + name});
      }
    }
  }
}

}  // namespace

std::vector<Reference> references_into(const std::vector<json>& going,
                                       const Surroundings& surroundings,
                                       const std::vector<std::string>& configured_routes) {
  const Graph graph(going, surroundings);
  std::vector<Reference> found;
  for (const json& route : surroundings.routes) {
    const std::string name = kube::text_at(route, "/metadata/name");
    if (graph.goes(route) &&
        std::ranges::find(configured_routes, name) == configured_routes.end()) {
      continue;
    }
    for (const std::string& service : resources::services_behind(route)) {
      if (graph.service_goes(place(route), service)) {
        found.push_back({kube::ref_of(route).text(), "service/" + service});
      }
    }
  }
  for (const json& workload : surroundings.workloads) {
    if (!graph.goes(workload)) {
      add_environment(graph, workload, found);
    }
  }
  return found;
}

std::string live_database_objection(std::optional<sync::GateState> old_gate,
                                    std::optional<sync::GateState> new_gate) {
  using sync::GateState;
  if (old_gate == GateState::open) {
    return {};
  }
  if (new_gate == GateState::open) {
    return "the new database is the live one";
  }
  if (old_gate == GateState::absent) {
    return {};
  }
  if (!old_gate) {
    return new_gate == GateState::absent ? std::string()
                                         : "the old database can't be asked which one is live";
  }
  return new_gate ? "a switch is not finished: no database takes writes"
                  : "the old database takes no writes and the new one can't be asked";
}

}  // namespace crossover::db_provision
