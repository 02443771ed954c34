#include "backup-install/helm.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace crossover::backup_install;  // under test

namespace {

Recovery after(const std::vector<std::string>& statuses) {
  std::vector<Revision> history;
  for (const std::string& status : statuses) {
    history.push_back({static_cast<int>(history.size()) + 1, status, "c-1"});
  }
  return recovery(history);
}

}  // namespace

TEST_CASE("a chart's arguments are those of the configuration, and hold no single value") {
  crossover::config::Backup backup;
  backup.release = "db-backup";
  backup.chart = "backup-storage";
  backup.repository = "https://charts.example";
  backup.version = "1.2.3";
  backup.values = {"a.yaml", "b.yaml"};
  backup.set = {{"password", "canary"}};
  CHECK(chart_arguments(backup) ==
        std::vector<std::string>{"db-backup", "backup-storage", "--repo", "https://charts.example",
                                 "--version", "1.2.3", "--values", "a.yaml", "--values", "b.yaml"});
}

TEST_CASE("a release that was cut off is repaired by what its history allows") {
  CHECK(after({}).repair == Repair::none);
  CHECK(after({"deployed"}).repair == Repair::none);
  CHECK(after({"superseded", "deployed"}).repair == Repair::none);
  CHECK(after({"superseded", "failed"}).repair == Repair::none);
  CHECK(after({"pending-install"}).repair == Repair::uninstall);
  CHECK(after({"failed"}).repair == Repair::uninstall);
  CHECK(after({"deployed", "uninstalling"}).repair == Repair::uninstall);
  CHECK(after({"superseded", "deployed", "pending-upgrade"}).repair == Repair::rollback);
  CHECK(after({"superseded", "deployed", "pending-upgrade"}).revision == 2);
  CHECK(after({"deployed", "failed", "pending-rollback"}).revision == 1);
}

TEST_CASE("volume claims are kept when a release is uninstalled") {
  const auto kept =
      with_kept_volumes({{{"kind", "PersistentVolumeClaim"}, {"metadata", {{"name", "c"}}}},
                         {{"kind", "Secret"}, {"metadata", {{"name", "s"}}}}});
  CHECK(kept[0]["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep");
  CHECK_FALSE(kept[1]["metadata"].contains("annotations"));
}
