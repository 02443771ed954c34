// `db-provision apply --stay` on a real API server and real databases. Nothing runs the pods here,
// so the workloads have none.
#include "integration/cutover/site.h"
#include "integration/kube/cluster.h"

namespace crossover::test {
namespace {

using kube::testing::TestCluster;
using nlohmann::json;

json in_set(json object, const std::string& set) {
  object["metadata"]["labels"]["app"] = "new";
  object["metadata"]["labels"]["crossover.dev/set"] = "registry." + set;
  return object;
}

json service_named(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}}},
          {"spec", {{"selector", {{"part", name}}}, {"ports", {{{"port", 5432}}}}}}};
}

json secret_named(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", name}}}};
}

/// A Deployment of no pods whose only variable names its database.
json workload(const std::string& name, const std::string& database_host) {
  json object = kube::testing::deployment(name, 0);
  object["spec"]["selector"]["matchLabels"] = {{"part", name}};
  object["spec"]["template"]["metadata"]["labels"] = {{"part", name}};
  object["spec"]["template"]["spec"]["containers"][0]["env"] = {
      {{"name", "DATABASE_HOST"}, {"value", database_host}}};
  return object;
}

/// A service that has been switched: pooler, API and what else the migration made.
class SwitchedPlace {
 public:
  SwitchedPlace()
      : site_("approval: none\nnamespace: " + cluster_.ns() +
              "\ntemporaryLabel: app=new\nprovision: {stay: [{manifests: stay.json}], "
              "external: true}\n") {
    json stays = workload("api", "db-new");
    stays["metadata"]["labels"] = {{"app", "web"}};
    files::write_atomically(site_.folder() / "stay.json", stays.dump());
    for (const json& object :
         {in_set(service_named("pooler"), "pooler"), in_set(workload("pooler", ""), "pooler"),
          in_set(workload("api", "pooler"), "api"), in_set(service_named("db"), "database"),
          in_set(workload("api-check", "pooler"), "check")}) {
      cluster_.client().apply(object);
    }
    json tls = secret_named("pooler-tls");
    tls["metadata"]["labels"]["app"] = "new";
    cluster_.client().create(tls);
    json leader = kube::testing::config_map("db-leader", {{"leader", "db-0"}});
    leader["metadata"]["labels"]["app"] = "new";
    cluster_.client().create(leader);
    site_.run(0, {"switch"});
  }

  json provision(int exit_code, std::vector<std::string> arguments) {
    return program(exit_code, CROSSOVER_DB_PROVISION, std::move(arguments));
  }
  json data_sync(int exit_code, std::vector<std::string> arguments) {
    return program(exit_code, CROSSOVER_DATA_SYNC, std::move(arguments));
  }
  bool there(const std::string& api_version, const std::string& kind, const std::string& name) {
    return cluster_.client().find({api_version, kind, {}, name}).has_value();
  }
  json live(const std::string& api_version, const std::string& kind, const std::string& name) {
    return cluster_.client().get(api_version, kind, name);
  }
  TestCluster& cluster() { return cluster_; }
  Site& site() { return site_; }

 private:
  json program(int exit_code, const char* path, std::vector<std::string> arguments) {
    const process::Outcome outcome = site_.start_program(path, std::move(arguments));
    INFO(outcome.err);
    CHECK(outcome.exit_code == exit_code);
    return json::parse(outcome.out);
  }

  TestCluster cluster_;
  Site site_;
};

TEST_CASE("the new set stays: pooler and temporary label go, once the migration has ended",
          "[cluster]") {
  SwitchedPlace place;
  const std::string before = place.live("apps/v1", "Deployment", "api").dump();
  const json early = place.provision(3, {"apply", "--stay"});
  CHECK(early["error"]["message"] ==
        "unable to stay on the new set: the migration has not ended: the old database is switched");
  CHECK(place.live("apps/v1", "Deployment", "api").dump() == before);
  CHECK(place.there("v1", "Service", "pooler"));

  place.data_sync(0, {"finish"});
  const json planned = place.provision(0, {"apply", "--stay", "--dry-run"});
  CHECK(place.live("apps/v1", "Deployment", "api").dump() == before);
  const json stayed =
      place.provision(0, {"apply", "--stay", "--approved-plan", planned["plan_sha256"]});
  CHECK(stayed["changed"] == true);
  const json api = place.live("apps/v1", "Deployment", "api");
  CHECK(api["metadata"]["labels"]["app"] == "web");
  CHECK(api["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "db-new");
  CHECK_FALSE(place.there("v1", "Service", "pooler"));
  CHECK_FALSE(place.there("apps/v1", "Deployment", "pooler"));
  CHECK_FALSE(place.there("apps/v1", "Deployment", "api-check"));
  CHECK_FALSE(place.live("v1", "Service", "db")["metadata"]["labels"].contains("app"));
  CHECK(kube::label(place.live("v1", "Secret", "pooler-tls"), "app").empty());
  // What a database keeps its leader in is found by that label.
  CHECK(kube::label(place.live("v1", "ConfigMap", "db-leader"), "app") == "new");
  CHECK(stayed["checks"].back()["outcome"] == "warn");
  CHECK(stayed["checks"].back()["detail"].get<std::string>().starts_with(
      "still on configmap/db-leader: "));

  CHECK(place.provision(0, {"apply", "--stay"})["changed"] == false);
  const json refused = place.provision(3, {"remove"});
  CHECK(refused["error"]["message"] ==
        "unable to remove 'app=new': the service stays on the new set, which 'deployment/api' "
        "belongs to");
  CHECK(place.there("v1", "ConfigMap", "db-leader"));

  // The old database closed and left behind, the new one without a trace: nothing asks for them.
  place.data_sync(0, {"remove"});
  CHECK(place.provision(0, {"apply", "--stay"})["changed"] == false);
}

TEST_CASE("the pooler does not go while something else connects to it", "[cluster]") {
  SwitchedPlace place;
  place.data_sync(0, {"finish"});
  place.data_sync(0, {"remove"});
  place.cluster().client().create(workload("report", "pooler"));
  const json refused = place.provision(3, {"apply", "--stay"});
  CHECK(refused["error"]["message"] ==
        "unable to stay on the new set: 'deployment/report (DATABASE_HOST)' leads to "
        "'service/pooler'");
  CHECK(place.there("v1", "Service", "pooler"));
  CHECK(kube::label(place.live("v1", "Service", "db"), "app") == "new");
  place.cluster().client().remove({"apps/v1", "Deployment", {}, "report"});
  CHECK(place.provision(0, {"apply", "--stay"})["changed"] == true);
  CHECK_FALSE(place.there("v1", "Service", "pooler"));
}

TEST_CASE("after a rollback nothing stays", "[cluster]") {
  SwitchedPlace place;
  place.site().run(0, {"rollback"});
  place.data_sync(0, {"finish"});
  CHECK(place.provision(3, {"apply", "--stay"})["error"]["message"] ==
        "unable to stay on the new set: the service does not live on the new database");
  CHECK(place.there("v1", "Service", "pooler"));
}

TEST_CASE("nothing stays while one of several routes leads to its old API", "[cluster]") {
  SwitchedPlace place;
  place.data_sync(0, {"finish"});
  for (const std::string name : {"web", "admin"}) {
    place.cluster().client().create(
        {{"apiVersion", "route.openshift.io/v1"},
         {"kind", "Route"},
         {"metadata", {{"name", name}}},
         {"spec",
          {{"to", {{"kind", "Service"}, {"name", name == "web" ? "web-new" : "admin-old"}}}}}});
  }
  std::ofstream(place.site().folder() / "crossover.yaml", std::ios::app)
      << "routes:\n- {name: web, oldService: web-old, newService: web-new}\n"
         "- {name: admin, oldService: admin-old, newService: admin-new}\n";
  CHECK(place.provision(3, {"apply", "--stay"})["error"]["message"] ==
        "unable to stay on the new set: route 'admin' does not lead to service 'admin-new'");
  CHECK(place.there("v1", "Service", "pooler"));
  place.cluster().client().patch({"route.openshift.io/v1", "Route", {}, "admin"},
                                 {{"spec", {{"to", {{"name", "admin-new"}}}}}});
  place.provision(0, {"apply", "--stay", "--dry-run"});
}

}  // namespace
}  // namespace crossover::test
