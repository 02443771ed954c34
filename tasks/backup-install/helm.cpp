#include "backup-install/helm.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace crossover::backup_install {

namespace {

bool was_deployed(const Revision& revision) {
  return revision.status == "deployed" || revision.status == "superseded";
}

}  // namespace

std::vector<std::string> chart_arguments(const config::Backup& backup) {
  std::vector<std::string> arguments = {backup.release, backup.chart};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) {
      arguments.emplace_back(option);
      arguments.push_back(value);
    }
  };
  add("--repo", backup.repository);
  add("--version", backup.version);
  for (const std::string& file : backup.values) {
    add("--values", file);
  }
  return arguments;
}

std::vector<nlohmann::json> with_kept_volumes(std::vector<nlohmann::json> manifest) {
  for (nlohmann::json& object : manifest) {
    if (object.is_object() && object.value("kind", "") == "PersistentVolumeClaim") {
      object["metadata"]["annotations"]["helm.sh/resource-policy"] = "keep";
    }
  }
  return manifest;
}

Recovery recovery(const std::vector<Revision>& history) {
  if (history.empty() || history.back().status == "deployed") {
    return {};
  }
  const auto last = std::find_if(history.rbegin(), history.rend(), was_deployed);
  if (last == history.rend() || history.back().status == "uninstalling") {
    return {Repair::uninstall, 0};
  }
  return history.back().status.starts_with("pending-") ? Recovery{Repair::rollback, last->number}
                                                       : Recovery{};
}

}  // namespace crossover::backup_install
