#include "db-provision/stay_plan.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/object.h"

namespace crossover::db_provision {
namespace {

using nlohmann::json;
using sync::GateState;

json object(const std::string& kind, const std::string& name, json labels = {{"app", "new"}}) {
  return {
      {"apiVersion", "v1"},
      {"kind", kind},
      {"metadata", {{"name", name}, {"namespace", "n"}, {"uid", kind + name}, {"labels", labels}}}};
}

config::Migration migration() {
  config::Migration result;
  result.name = "m";
  result.temporary_label = "app=new";
  result.pooler.emplace();
  result.pooler->name = "pooler";
  return result;
}

std::vector<std::string> names(const std::vector<json>& objects) {
  std::vector<std::string> found;
  for (const json& one : objects) {
    found.push_back(kube::ref_of(one).text());
  }
  return found;
}

StayFacts side(const std::string& phase, GateState gate) { return {true, phase, gate}; }

TEST_CASE("the pooler may go once the migration has ended on the new side") {
  const StayFacts closed = side("finished", GateState::closed);
  CHECK(stay_objection(closed, side("finished", GateState::open)).empty());
  CHECK(stay_objection(closed, side("", GateState::absent)).empty());
  CHECK(stay_objection({}, side("finished", GateState::open)).empty());

  CHECK(stay_objection(side("switched", GateState::closed), side("switched", GateState::open)) ==
        "the migration has not ended: the old database is switched");
  CHECK(stay_objection(closed, side("switched", GateState::open)) ==
        "the migration has not ended: the new database is switched");
  CHECK(stay_objection(side("finished", GateState::open), side("finished", GateState::closed)) ==
        "the service does not live on the new database");
  CHECK(stay_objection(side("", GateState::absent), side("", GateState::absent)) ==
        "the service does not live on the new database");
  CHECK(stay_objection({}, side("", GateState::absent)) ==
        "the old database can't be asked which one is live");
  CHECK(stay_objection(closed, {}) ==
        "the new database can't be asked whether the migration has ended");
}

TEST_CASE("the label goes off what is ours or is found by nobody, and stays on what may be") {
  json ours = object("Service", "db", {{"app", "new"}, {"crossover.dev/set", "m.database"}});
  json old_replicas = object("ReplicationController", "api-1");
  old_replicas["spec"]["selector"] = {{"deployment", "api-1"}};
  json needed = object("ReplicaSet", "web-1");
  needed["spec"]["selector"]["matchLabels"] = {{"app", "new"}};
  const json goes = object("Service", "pooler");
  json ending = object("Pod", "pooler-1");
  ending["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z";
  const Labelled sorted = sort_labelled(
      {ours, old_replicas, needed, goes, ending, object("PersistentVolumeClaim", "data-db-0"),
       object("Secret", "tls"), object("ConfigMap", "db-leader"), object("Pod", "db-0")},
      {goes}, migration());
  CHECK(names(sorted.unlabel) ==
        std::vector<std::string>{"service/db", "replicationcontroller/api-1",
                                 "persistentvolumeclaim/data-db-0", "secret/tls"});
  CHECK(names(sorted.left) ==
        std::vector<std::string>{"replicaset/web-1", "configmap/db-leader", "pod/db-0"});
}

std::string refusal(const json& one) {
  try {
    require_without_temporary({one}, migration());
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.text();
  }
  return {};
}

TEST_CASE("what stays bears no temporary label and does not use the pooler") {
  json api = object("Deployment", "api", {{"app", "web"}});
  CHECK(refusal(api).empty());
  CHECK(refusal(object("Deployment", "api")) ==
        "unable to use 'provision.stay': 'deployment/api' bears the temporary label 'app=new'");
  api["spec"]["template"]["spec"]["containers"] = {
      {{"name", "api"}, {"env", {{{"name", "DATABASE_HOST"}, {"value", "pooler.n.svc"}}}}}};
  CHECK(refusal(api) ==
        "unable to use 'provision.stay': 'deployment/api' connects to the pooler (DATABASE_HOST)");
}

TEST_CASE("the plan rolls the API first, then the pooler goes, then the label") {
  resources::SetState state;
  state.live.resize(1);
  const ObservedStage stage{
      stay_set, resources::ObjectSet("m", stay_set, {object("Deployment", "api", {})}), state};
  const cli::Plan plan =
      plan_stay(migration(), {}, stage, {object("Service", "pooler")}, {object("Secret", "tls")});
  std::string text;
  for (const cli::PlanStep& step : plan.steps()) {
    text += step.action + " " + step.object + "; ";
  }
  CHECK(text == "apply deployment/api; wait set stay; delete service/pooler; unlabel secret/tls; ");
}

}  // namespace
}  // namespace crossover::db_provision
