#include "flyway/validation_job.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"

using namespace crossover;
using nlohmann::json;

namespace {

json deployment_config() {
  return json::parse(R"({"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig",
    "metadata": {"name": "api"},
    "spec": {"strategy": {"rollingParams": {"pre": {"execNewPod": {"containerName": "flyway",
        "command": ["/flyway/flyway", "migrate"], "env": [{"name": "A", "value": "b"}]}}}},
      "template": {"metadata": {"labels": {"app": "api"}}, "spec": {
        "serviceAccountName": "api",
        "initContainers": [{"name": "wait", "image": "busybox"}],
        "containers": [{"name": "api", "image": "api"},
          {"name": "flyway", "image": "flyway", "args": ["idle"], "readinessProbe": {},
           "env": [{"name": "URL", "value": "u"}], "volumeMounts": [{"name": "sql", "mountPath": "/s"}]}],
        "volumes": [{"name": "sql", "configMap": {"name": "sql"}}, {"name": "other", "emptyDir": {}}]}}}})");
}

}  // namespace

TEST_CASE("a hook that migrates becomes a Job that validates") {
  const json job =
      flyway::validation_job({deployment_config()}, "validate", "ns", {{"part", "task"}});
  const json& pod = job["spec"]["template"];
  CHECK(job["kind"] == "Job");
  CHECK(job["metadata"]["namespace"] == "ns");
  // Not the workload's labels: its Service would send requests to the pod.
  CHECK(pod["metadata"]["labels"] ==
        json({{"part", "task"}, {"openshift.io/deployer-pod.type", "hook-pre"}}));
  CHECK(pod["spec"]["serviceAccountName"] == "api");
  CHECK_FALSE(pod["spec"].contains("initContainers"));
  REQUIRE(pod["spec"]["containers"].size() == 1);
  const json& container = pod["spec"]["containers"][0];
  CHECK(container["command"] == json({"/flyway/flyway", "validate"}));
  CHECK_FALSE(container.contains("args"));
  CHECK_FALSE(container.contains("readinessProbe"));
  CHECK(container["env"].size() == 2);
  CHECK(pod["spec"]["volumes"] ==
        json::parse(R"([{"name": "sql", "configMap": {"name": "sql"}}])"));
}

TEST_CASE("an init container whose shell runs Flyway becomes a Job too") {
  const json deployment = json::parse(R"({"kind": "Deployment", "spec": {"template": {"spec": {
    "initContainers": [{"name": "f", "command": ["sh", "-c", "cd /x-migrate; flyway migrate"]}],
    "containers": [{"name": "api"}]}}}})");
  const json job = flyway::validation_job({deployment}, "validate", "ns", {});
  CHECK(job["spec"]["template"]["spec"]["containers"][0]["command"][2] ==
        "cd /x-migrate; flyway validate");
}

TEST_CASE("objects that do not run Flyway are refused") {
  CHECK_THROWS_WITH(flyway::validation_job({{{"kind", "Service"}}}, "validate", "ns", {}),
                    "unable to validate the old database: no object of 'provision.homeApi' runs "
                    "'flyway migrate'");
}
