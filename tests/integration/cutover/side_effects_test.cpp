// Consumers and schedules of which one is live: they change with the route, on a real API server.
#include "integration/cutover/whole_site.h"

namespace crossover::test {
namespace {

using nlohmann::json;

constexpr const char* side_effects =
    "sideEffects:\n"
    "- {name: new mailer, before: {object: deployment/mailer-new, replicas: 0}, "
    "after: {object: deployment/mailer-new, environment: {LIVE: 'yes'}}}\n"
    "- {name: nightly, before: {object: cronjob/nightly, replicas: 1}, "
    "after: {object: cronjob/nightly, replicas: 0}}\n"
    "- {name: old mailer, before: {object: deploy/mailer, environment: {LIVE: 'yes'}}, "
    "after: {object: deploy/mailer, replicas: 0}}\n";

struct SiteWithMailers : WholeSite {
  SiteWithMailers() : WholeSite({}, side_effects) {
    for (const char* name : {"mailer", "mailer-new"}) {
      cluster.client().create(kube::testing::deployment(name, 0));
    }
    cluster.client().create(json::parse(R"({"apiVersion": "batch/v1", "kind": "CronJob",
      "metadata": {"name": "nightly"}, "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec":
        {"template": {"spec": {"restartPolicy": "Never", "containers": [
          {"name": "main", "image": "localhost/none:1"}]}}}}}})"));
  }
  json variables(const std::string& name) {
    return cluster.client().get("apps/v1", "Deployment",
                                name)["spec"]["template"]["spec"]["containers"][0]["env"];
  }
  bool suspended() {
    return cluster.client().get("batch/v1", "CronJob", "nightly")["spec"].value("suspend", false);
  }
};

TEST_CASE_METHOD(SiteWithMailers, "side effects change with the route, and back", "[cluster]") {
  const json live = {{"name", "LIVE"}, {"value", "yes"}};
  site.run(0, {"plan"});
  CHECK_FALSE(suspended());
  site.run(0, {"switch"});
  CHECK(suspended());
  CHECK(variables("mailer-new").back() == live);
  CHECK(variables("mailer").back() != live);
  CHECK(site.run(0, {"switch"})["changed"] == false);
  site.run(0, {"rollback"});
  CHECK_FALSE(suspended());
  CHECK(variables("mailer").back() == live);
  CHECK(site.run(0, {"rollback"})["changed"] == false);
}

TEST_CASE_METHOD(SiteWithMailers, "one that is missing is said before anything is changed",
                 "[cluster]") {
  cluster.client().remove({"batch/v1", "CronJob", {}, "nightly"});
  const json refused = site.run(3, {"switch"});
  CHECK(refused["error"]["message"].get<std::string>().find("'cronjob/nightly'") !=
        std::string::npos);
  CHECK(leads_to() == "registry-api");
  CHECK(site.live() == "old");
}

}  // namespace
}  // namespace crossover::test
