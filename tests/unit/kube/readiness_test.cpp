#include "kube/readiness.h"

#include <catch2/catch.hpp>

#include "kube/diagnose.h"

namespace crossover::kube {

namespace {

using nlohmann::json;

std::string told(const Readiness& state) {
  switch (state.state) {
    case ReadyState::ready:
      return "ready";
    case ReadyState::progressing:
      return "progressing: " + state.reason;
    case ReadyState::failed:
      return "failed: " + state.reason;
  }
  return "";
}

std::string judged(const char* text) { return told(readiness(json::parse(text))); }

}  // namespace

TEST_CASE("a status from before the last change means nothing", "[kube]") {
  CHECK(judged(R"({"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":1},
    "status":{"observedGeneration":1,"updatedReplicas":1,"replicas":1,"availableReplicas":1}})") ==
        "progressing: its controller has not seen the last change yet");
}

TEST_CASE("workloads are judged as their rollout status is", "[kube]") {
  CHECK(judged(R"({"kind":"Deployment","metadata":{"generation":1},"spec":{"replicas":2},
    "status":{"observedGeneration":1,"updatedReplicas":2,"replicas":3,"availableReplicas":2}})") ==
        "progressing: 1 old replicas are still there");
  CHECK(judged(R"({"kind":"Deployment","metadata":{"generation":1},"spec":{"replicas":2},
    "status":{"observedGeneration":1,"updatedReplicas":2,"replicas":2,"availableReplicas":2}})") ==
        "ready");
  CHECK(judged(R"({"kind":"Deployment","status":{"conditions":[{"type":"Progressing",
    "status":"False","reason":"ProgressDeadlineExceeded","message":"too slow"}]}})") ==
        "failed: ProgressDeadlineExceeded: too slow");
  CHECK(judged(R"({"kind":"StatefulSet","spec":{"replicas":3},"status":{"readyReplicas":2}})") ==
        "progressing: 2 of 3 replicas are ready");
  CHECK(judged(R"({"kind":"StatefulSet","spec":{"replicas":1},"status":{"readyReplicas":1,
    "updatedReplicas":1,"updateRevision":"b","currentRevision":"a"}})") ==
        "progressing: its pods are being replaced");
  CHECK(judged(R"({"kind":"DeploymentConfig","spec":{"replicas":1,"triggers":[{"type":"ImageChange",
    "imageChangeParams":{"from":{"name":"api:prod"}}}]},"status":{"latestVersion":0}})") ==
        "progressing: it waits for image 'imagestreamtag/api:prod'");
  CHECK(judged(R"({"kind":"DeploymentConfig","status":{"latestVersion":2,"conditions":[{
    "type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded",
    "message":"hook failed"}]}})") == "failed: ProgressDeadlineExceeded: hook failed");
  CHECK(judged(R"({"kind":"Job","spec":{"completions":1},"status":{"conditions":[{"type":"Failed",
    "status":"True","reason":"BackoffLimitExceeded","message":"often"}]}})") ==
        "failed: BackoffLimitExceeded: often");
}

TEST_CASE("routes, claims and the rest", "[kube]") {
  CHECK(judged(R"({"kind":"Route","status":{"ingress":[{"routerName":"r","conditions":[{
    "type":"Admitted","status":"False","reason":"HostAlreadyClaimed"}]}]}})") ==
        "failed: router 'r' refuses it: HostAlreadyClaimed");
  CHECK(judged(R"({"kind":"Route","status":{"ingress":[{"routerName":"r","conditions":[{
    "type":"Admitted","status":"True"}]}]}})") == "ready");
  CHECK(judged(R"({"kind":"HTTPRoute","metadata":{"generation":2},"status":{"parents":[{
    "conditions":[{"type":"Accepted","status":"True","observedGeneration":1}]}]}})") ==
        "progressing: its gateway has not seen the last change yet");
  CHECK(judged(R"({"kind":"PersistentVolumeClaim","status":{"phase":"Pending"}})") ==
        "progressing: it is not bound to a volume");
  CHECK(judged(R"({"kind":"ConfigMap"})") == "ready");
  CHECK(judged("null") == "progressing: it does not exist");
}

TEST_CASE("what keeps a pod down is found, in init containers first", "[kube]") {
  const std::vector<Cause> causes = pod_causes(json::parse(R"({"metadata":{"name":"web-1"},
    "status":{"phase":"Pending","initContainerStatuses":[{"name":"migrate","state":{"waiting":{
      "reason":"ImagePullBackOff","message":"no such image"}}}],
    "containerStatuses":[{"name":"main","restartCount":3,
      "state":{"waiting":{"reason":"CrashLoopBackOff"}},
      "lastState":{"terminated":{"exitCode":7}}}],
    "conditions":[{"type":"PodScheduled","reason":"Unschedulable","message":"0/1 nodes"}]}})"));
  REQUIRE(causes.size() == 3);
  CHECK(causes[0].text() == "pod/web-1: ImagePullBackOff: container 'migrate': no such image");
  CHECK(causes[0].grace == Duration{});
  CHECK(causes[1].text() ==
        "pod/web-1: CrashLoopBackOff: container 'main' ended with exit code 7 and was restarted 3 "
        "times");
  CHECK(causes[1].previous);
  CHECK(causes[2].text() == "pod/web-1: Unschedulable: 0/1 nodes");
  CHECK(causes[2].grace > Duration{});
}

}  // namespace crossover::kube
