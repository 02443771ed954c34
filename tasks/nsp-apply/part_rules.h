#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace crossover::nsp_apply {

/// Pods of one kind, by labels.
struct Pods {
  nlohmann::json selector;  ///< {"statefulset": "db"}: what a rule selects them by
  nlohmann::json labels;    ///< all that is known; what policies are matched against
  /// Name of the Service in front of them, where that tells them from others; else empty.
  std::string service = {};
};

/// What the rules for Crossover's own parts are made from.
struct PartFacts {
  std::string migration;
  std::string ns;
  std::string temporary_label;  ///< "key=value" or empty
  int pooler_port = 0;          ///< 0: there is no pooler
  /// The new APIs; with none, or one that is unknown, every pod of the namespace may ask.
  std::vector<std::optional<Pods>> apis;
  std::optional<Pods> old_database;
  int old_port = 5432;
  std::optional<Pods> new_database;
  int new_port = 5432;
  std::vector<nlohmann::json> flyway;  ///< labels of the pods that migrate the new database
  /// NetworkPolicies of the namespace, live and about to be applied, but for those made here.
  std::vector<nlohmann::json> policies;
};

/// NetworkPolicies for the new API's way to the pooler, and for the way of pooler, guard, `follow`
/// and tasks (by the labels of resources/labels.h) and of Flyway's pod to the databases. Pure.
///
/// A NetworkPolicy that selects a pod closes it for whoever it does not name. So a rule is made
/// only for pods that a policy closes already: otherwise it would cut off those who use them now.
std::vector<nlohmann::json> part_rules(const PartFacts& facts);

/// Whether one of the policies selects pods with such labels in that namespace for the direction
/// ("Ingress", "Egress"). By the API's rules: without policyTypes, Ingress always and Egress where
/// there are egress rules. Pure.
bool isolates(const std::vector<nlohmann::json>& policies, const std::string& ns,
              const nlohmann::json& labels, const std::string& direction);

}  // namespace crossover::nsp_apply
