#include "nsp-apply/part_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "kube/object.h"
#include "resources/labels.h"

namespace crossover::nsp_apply {

namespace {

using nlohmann::json;

bool holds(const json& expression, const json& labels) {
  const std::string key = kube::text_at(expression, "/key");
  const std::string how = kube::text_at(expression, "/operator");
  const bool there = labels.contains(key);
  const auto listed = [&] {
    const json& values = kube::at(expression, "/values");
    return there && std::ranges::find(values, labels.at(key)) != values.end();
  };
  if (how == "In") {
    return listed();
  }
  if (how == "NotIn") {
    return !listed();
  }
  return how == "Exists" ? there : !there;
}

bool selects(const json& selector, const json& labels) {
  for (const auto& [key, value] : kube::at(selector, "/matchLabels").items()) {
    if (!labels.contains(key) || labels.at(key) != value) {
      return false;
    }
  }
  const json& expressions = kube::at(selector, "/matchExpressions");
  return std::ranges::all_of(expressions,
                             [&](const json& expression) { return holds(expression, labels); });
}

bool has_direction(const json& policy, const std::string& direction) {
  const json& types = kube::at(policy, "/spec/policyTypes");
  if (types.is_array() && !types.empty()) {
    return std::ranges::find(types, json(direction)) != types.end();
  }
  return direction == "Ingress" || !kube::at(policy, "/spec/egress").empty();
}

json own_labels(const PartFacts& facts) {
  return {{std::string(resources::migration_label), facts.migration}};
}

json pods(const json& labels) { return {{"podSelector", {{"matchLabels", labels}}}}; }

/// Pods of ours, and those in which an engine runs a task.
json own_peers(const PartFacts& facts) {
  return json::array({pods(own_labels(facts)),
                      pods({{std::string(resources::part_label), resources::part_task}})});
}

json ports(int port) { return json::array({{{"protocol", "TCP"}, {"port", port}}}); }

json policy(const PartFacts& facts, const std::string& name, const json& selector,
            const std::string& direction, json rules) {
  json metadata = {{"name", fmt::format("crossover-{}-{}", facts.migration, name)}};
  if (!facts.ns.empty()) {
    metadata["namespace"] = facts.ns;
  }
  if (const std::size_t equals = facts.temporary_label.find('='); equals != std::string::npos) {
    metadata["labels"][facts.temporary_label.substr(0, equals)] =
        facts.temporary_label.substr(equals + 1);
  }
  metadata["labels"][std::string(resources::migration_label)] = facts.migration;
  return {{"apiVersion", "networking.k8s.io/v1"},
          {"kind", "NetworkPolicy"},
          {"metadata", std::move(metadata)},
          {"spec",
           {{"podSelector", {{"matchLabels", selector}}},
            {"policyTypes", json::array({direction})},
            {direction == "Ingress" ? "ingress" : "egress", std::move(rules)}}}};
}

json pooler_labels(const PartFacts& facts) {
  json labels = own_labels(facts);
  labels[std::string(resources::part_label)] = resources::part_pooler;
  return labels;
}

json api_peers(const PartFacts& facts) {
  json peers = json::array();
  for (const std::optional<Pods>& api : facts.apis) {
    if (!api) {
      peers.clear();
      break;
    }
    peers.push_back(pods(api->selector));
  }
  return peers.empty() ? json::array({{{"podSelector", json::object()}}}) : peers;
}

void add_ingress(const PartFacts& facts, std::vector<json>& rules) {
  const json pooler = pooler_labels(facts);
  if (facts.pooler_port != 0 && isolates(facts.policies, facts.ns, pooler, "Ingress")) {
    rules.push_back(
        policy(facts, "pooler", pooler, "Ingress",
               json::array({{{"from", api_peers(facts)}, {"ports", ports(facts.pooler_port)}},
                            {{"from", own_peers(facts)}}})));
  }
  const auto database = [&](const std::string& name, const std::optional<Pods>& target, int port,
                            json peers) {
    if (target && isolates(facts.policies, facts.ns, target->labels, "Ingress")) {
      rules.push_back(policy(facts, name, target->selector, "Ingress",
                             json::array({{{"from", std::move(peers)}, {"ports", ports(port)}}})));
    }
  };
  database("old-database", facts.old_database, facts.old_port, own_peers(facts));
  json peers = own_peers(facts);
  for (const json& labels : facts.flyway) {
    peers.push_back(pods(labels));
  }
  database("new-database", facts.new_database, facts.new_port, std::move(peers));
}

void add_egress(const PartFacts& facts, std::vector<json>& rules) {
  const json pooler = pooler_labels(facts);
  if (isolates(facts.policies, facts.ns, pooler, "Egress")) {
    // Databases, the API server, DNS: where these are is not ours to know.
    rules.push_back(
        policy(facts, "parts-out", own_labels(facts), "Egress", json::array({json::object()})));
  }
  for (const std::optional<Pods>& api : facts.apis) {
    if (facts.pooler_port == 0 || !api ||
        !isolates(facts.policies, facts.ns, api->labels, "Egress")) {
      continue;
    }
    const std::string name = api->service.empty() ? "api" : api->service;
    rules.push_back(policy(
        facts, name + "-to-pooler", api->selector, "Egress",
        json::array({{{"to", json::array({pods(pooler)})}, {"ports", ports(facts.pooler_port)}}})));
  }
}

}  // namespace

bool isolates(const std::vector<json>& policies, const std::string& ns, const json& labels,
              const std::string& direction) {
  return std::ranges::any_of(policies, [&](const json& policy) {
    return kube::text_at(policy, "/kind") == "NetworkPolicy" &&
           kube::text_at(policy, "/metadata/namespace") == ns && has_direction(policy, direction) &&
           selects(kube::at(policy, "/spec/podSelector"), labels);
  });
}

std::vector<json> part_rules(const PartFacts& facts) {
  std::vector<json> rules;
  add_ingress(facts, rules);
  add_egress(facts, rules);
  return rules;
}

}  // namespace crossover::nsp_apply
