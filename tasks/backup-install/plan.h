#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backup-install/helm.h"
#include "cli/plan.h"
#include "config/backup.h"
#include "resources/object_set.h"

namespace crossover::backup_install {

/// A set of objects and what is there of it.
struct ObservedSet {
  resources::ObjectSet set;
  resources::SetState state;
};

/// The release as it should be and as it is.
struct ObservedRelease {
  std::vector<Revision> history;
  std::vector<nlohmann::json> wanted;   ///< rendered now
  std::vector<nlohmann::json> present;  ///< of the newest revision; empty when there is none
  /// Deployed, and its objects are the wanted ones.
  bool up_to_date() const;
};

/// What `apply` does, first to last: network rules, rights, the release. Pure. A release's objects
/// are in the hash, but may hold secrets: only their digest and names are shown.
cli::Plan plan_apply(const config::Backup& backup, const ObservedSet& network,
                     const ObservedSet& rbac, const ObservedRelease& release);

/// What `remove` does: the release, its volume claims where asked for, then rules and rights away,
/// then the rights of before. Pure.
struct Removal {
  bool release = false;                ///< there is one
  std::vector<nlohmann::json> claims;  ///< volume claims to delete, live
  std::vector<nlohmann::json> rules;   ///< rules and rights to delete, live
  std::vector<nlohmann::json> rights;  ///< to apply
};
cli::Plan plan_remove(const config::Backup& backup, const Removal& removal);

/// Volume claims of a manifest that an uninstall would delete (no helm.sh/resource-policy: keep).
std::vector<std::string> claims_at_risk(const std::vector<nlohmann::json>& manifest);

}  // namespace crossover::backup_install
