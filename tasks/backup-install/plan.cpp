#include "backup-install/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "digest/sha256.h"
#include "kube/object.h"

namespace crossover::backup_install {

namespace {

using nlohmann::json;

/// In an order of its own: Helm's may differ between rendering and what it has stored.
std::vector<std::string> canonical(const std::vector<json>& objects) {
  std::vector<std::string> texts;
  for (const json& object : objects) {
    texts.push_back(object.dump());
  }
  std::ranges::sort(texts);
  return texts;
}

std::string digest_of(const std::vector<json>& objects) {
  std::string all;
  for (const std::string& text : canonical(objects)) {
    all += text + "\n";
  }
  return digest::sha256(all);
}

/// A plan is the same wherever it is made: of a local chart the path does not count, what it
/// renders does.
std::string chart_name(const std::string& chart) {
  const std::filesystem::path path(chart);
  return path.is_absolute() ? path.filename().string() : chart;
}

json names_of(const std::vector<json>& objects) {
  json names = json::array();
  for (const json& object : objects) {
    names.push_back(kube::ref_of(object).text());
  }
  return names;
}

}  // namespace

bool ObservedRelease::up_to_date() const {
  return !history.empty() && history.back().status == "deployed" &&
         canonical(wanted) == canonical(present);
}

cli::Plan plan_apply(const config::Backup& backup, const ObservedSet& network,
                     const ObservedSet& rbac, const ObservedRelease& release) {
  cli::Plan plan("install the backup of the new database");
  resources::add_steps(plan, network.set, network.state);
  resources::add_steps(plan, rbac.set, rbac.state);
  std::string detail = "is not there yet";
  if (!release.history.empty()) {
    detail =
        fmt::format("revision {} is {}{}", release.history.back().number,
                    release.history.back().status, release.up_to_date() ? " and up to date" : "");
  }
  plan.add({.action = "install",
            .object = "release/" + backup.release,
            .detail = detail,
            .payload = {{"chart", chart_name(backup.chart)},
                        {"version", backup.version},
                        {"repository", backup.repository},
                        {"objects", names_of(release.wanted)},
                        {"objects_sha256", digest_of(release.wanted)}}});
  return plan;
}

cli::Plan plan_remove(const config::Backup& backup, const Removal& removal) {
  cli::Plan plan("remove the backup of the new database");
  if (removal.release) {
    plan.add({.action = "uninstall", .object = "release/" + backup.release, .detail = {}});
  }
  resources::add_delete_steps(plan, removal.claims);
  resources::add_delete_steps(plan, removal.rules);
  for (const json& object : removal.rights) {
    plan.add({.action = "apply",
              .object = kube::ref_of(object).text(),
              .detail = "as it was before",
              .payload = resources::presentable(object)});
  }
  return plan;
}

std::vector<std::string> claims_at_risk(const std::vector<json>& manifest) {
  std::vector<std::string> names;
  for (const json& object : manifest) {
    if (kube::text_at(object, "/kind") == "PersistentVolumeClaim" &&
        kube::annotation(object, "helm.sh/resource-policy") != "keep") {
      names.push_back(kube::text_at(object, "/metadata/name"));
    }
  }
  return names;
}

}  // namespace crossover::backup_install
