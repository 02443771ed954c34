#include "backup-install/plan.h"

#include <catch2/catch.hpp>

using namespace crossover;  // the namespaces under test
using nlohmann::json;

namespace {

json object(const std::string& kind, const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", {{"name", name}}}};
}

cli::Plan plan_of(const backup_install::ObservedRelease& release) {
  config::Backup backup;
  backup.release = "db-backup";
  backup.chart = "/somewhere/backup-storage";
  const auto set = [](const char* name) {
    return backup_install::ObservedSet{resources::ObjectSet("shop", name, {}), {}};
  };
  return backup_install::plan_apply(backup, set("backup-network"), set("backup-rbac"), release);
}

}  // namespace

TEST_CASE("a release is up to date when it is deployed and its objects are the wanted ones") {
  backup_install::ObservedRelease release;
  release.wanted = {object("ConfigMap", "a"), object("Service", "b")};
  CHECK_FALSE(release.up_to_date());
  release.history = {{1, "deployed", "backup-storage-0.1.0"}};
  release.present = {object("Service", "b"), object("ConfigMap", "a")};
  CHECK(release.up_to_date());
  release.history.push_back({2, "pending-upgrade", "backup-storage-0.1.0"});
  CHECK_FALSE(release.up_to_date());
  release.history.pop_back();
  release.present[0]["data"] = {{"x", "1"}};
  CHECK_FALSE(release.up_to_date());
}

TEST_CASE("the plan's hash covers what is wanted and not what is there") {
  backup_install::ObservedRelease release;
  json secret = object("Secret", "s");
  secret["stringData"] = {{"password", "canary-4711"}};
  release.wanted = {secret};
  const cli::Plan before = plan_of(release);
  release.history = {{1, "deployed", "backup-storage-0.1.0"}};
  release.present = release.wanted;
  const cli::Plan again = plan_of(release);
  CHECK(before.sha256() == again.sha256());
  CHECK(again.steps().back().detail == "revision 1 is deployed and up to date");
  CHECK(again.to_json().dump().find("canary-4711") == std::string::npos);
  CHECK(again.to_json().dump().find("somewhere") == std::string::npos);
  release.wanted[0]["stringData"]["password"] = "other";
  CHECK(plan_of(release).sha256() != before.sha256());
}

TEST_CASE("volume claims that an uninstall would delete are known") {
  json kept = object("PersistentVolumeClaim", "kept");
  kept["metadata"]["annotations"]["helm.sh/resource-policy"] = "keep";
  CHECK(backup_install::claims_at_risk(
            {object("Secret", "s"), kept, object("PersistentVolumeClaim", "lost")}) ==
        std::vector<std::string>{"lost"});
}
