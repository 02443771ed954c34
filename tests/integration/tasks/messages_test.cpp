// The whole of what a person reads when a step is refused or fails, and that nothing was changed.
#include "integration/cutover/site.h"
#include "integration/kube/cluster.h"
#include "integration/tasks/program.h"
#include "kube/lease.h"
#include "postgres/quote.h"

namespace crossover::test {
namespace {

using kube::testing::config_map;
using kube::testing::deployment;
using kube::testing::TestCluster;
using nlohmann::json;
using testing::Workplace;

const kube::Ref config_map_ref{"v1", "ConfigMap", {}, "shop"};

/// A migration whose one manifest is a ConfigMap, with a database on each side.
struct Shop {
  Shop() {
    place.environment = {{"PASSWORD", superuser_password}};
    place.write("manifest.yaml", config_map("shop", {{"colour", "red"}}).dump());
    configure("secret: creds");
  }
  void configure(const std::string& old_credentials, const std::string& more = {}) const {
    write_databases(database(here(old_server), old_credentials), database(here(new_server)),
                    "network: {rules: [{manifests: manifest.yaml}]}\n" + more);
  }
  void write_databases(const std::string& old_side, const std::string& new_side,
                       const std::string& more = {}) const {
    place.write(
        "crossover.yaml",
        fmt::format("name: shop\nnamespace: {}\napproval: none\ndatabases:\n  old: {}\n  new: "
                    "{}\n{}",
                    cluster.ns(), old_side, new_side, more));
  }
  /// `where`: a host and a port, or a Service.
  static std::string database(const std::string& where,
                              const std::string& credentials = "passwordEnv: PASSWORD") {
    return fmt::format(
        "{{{}, database: postgres, tls: {{mode: disable}}, credentials: {{user: postgres, {}}}}}",
        where, credentials);
  }
  static std::string here(const PostgresServer& server) {
    return fmt::format("host: 127.0.0.1, port: {}", server.port());
  }
  std::string nsp_apply(int exit_code, std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), "apply");
    return place.refusal(exit_code, CROSSOVER_NSP_APPLY, arguments);
  }
  std::string preflight(int exit_code) const {
    return place.refusal(exit_code, CROSSOVER_DATA_SYNC, {"preflight"});
  }
  std::string address(const PostgresServer& server) const {
    return fmt::format("127.0.0.1:{}/postgres", server.port());
  }
  /// The lease and the evidence are ours; all else must stay as it is.
  json objects() {
    json found = json::array();
    for (const char* kind : {"ConfigMap", "Secret"}) {
      for (const json& object : cluster.client().list("v1", kind).items) {
        if (object["metadata"]["name"] != "crossover-shop") {
          found.push_back(object);
        }
      }
    }
    return found;
  }

  TestCluster cluster;
  PostgresServer old_server{15};
  PostgresServer new_server{17};
  Workplace place;
};

}  // namespace

TEST_CASE_METHOD(Shop, "a Secret that is not there, or lacks a key", "[cluster]") {
  CHECK(preflight(3) ==
        fmt::format("unable to read 'secret/creds' in namespace '{}': it does not exist\n"
                    "HINT: 'databases.old.credentials.secret' in the configuration names it",
                    cluster.ns()));
  cluster.client().create({{"apiVersion", "v1"},
                           {"kind", "Secret"},
                           {"metadata", {{"name", "creds"}}},
                           {"stringData", {{"pasword", "x"}}}});
  CHECK(preflight(3) ==
        "unable to read key 'password' of 'secret/creds': it is not there\n"
        "HINT: its keys are 'pasword'");
}

TEST_CASE_METHOD(Shop, "a Service of a database that is not there (yet, or any more)",
                 "[cluster]") {
  write_databases(database(here(old_server)), database("service: shop-db"));
  for (const char* verb : {"preflight", "status"}) {
    CHECK(place.refusal(3, CROSSOVER_DATA_SYNC, {verb}) ==
          fmt::format("{}unable to read 'service/shop-db' in namespace '{}': it does not exist\n"
                      "HINT: 'databases.new' names it: `db-provision apply` makes what is missing "
                      "of the new database; what is there already has to be named as it is",
                      std::string_view(verb) == "status" ? "new database: " : "", cluster.ns()));
  }
}

TEST_CASE_METHOD(Shop, "a password that is wrong", "[cluster]") {
  place.environment.emplace_back("OLD_PASSWORD", "guess");
  configure("passwordEnv: OLD_PASSWORD");
  CHECK(preflight(3) ==
        fmt::format("unable to connect to '{}': password authentication failed for user "
                    "\"postgres\"\nHINT: user 'postgres' and the password come from environment "
                    "variable 'OLD_PASSWORD'",
                    address(old_server)));
}

TEST_CASE_METHOD(Shop, "a database that does not answer", "[cluster]") {
  configure("passwordEnv: PASSWORD");
  old_server.stop();
  CHECK(preflight(1) ==
        fmt::format("unable to connect to '{}': Connection refused\n"
                    "HINT: check that the server runs and that the network lets this client reach "
                    "it",
                    address(old_server)));
}

TEST_CASE_METHOD(Shop, "a database that is a standby, and both the same one", "[cluster]") {
  const std::unique_ptr<PostgresServer> standby = old_server.standby();
  write_databases("&old " + database(here(*standby)), "*old");
  CHECK(preflight(3) ==
        fmt::format("unable to use '{}': it is a standby\nHINT: name the primary; with Patroni "
                    "that is the Service or the pod with role=master",
                    address(*standby)));
  write_databases("&old " + database(here(old_server)), "*old");
  for (const char* verb : {"preflight", "start"}) {
    CHECK(place.refusal(3, CROSSOVER_DATA_SYNC, {verb}) ==
          fmt::format("unable to move '{0}' to '{0}': both are the same database\n"
                      "HINT: correct databases.old and databases.new in crossover.yaml",
                      address(old_server)));
  }
  CHECK(old_server.connect().query("SELECT to_regnamespace('crossover') IS NULL").boolean(0, 0));
}

TEST_CASE_METHOD(Shop, "a kind that the cluster does not serve", "[cluster]") {
  place.write("manifest.yaml",
              "apiVersion: shop.example/v1\nkind: Widget\nmetadata: {name: a}\n---\n" +
                  config_map("shop", {{"colour", "red"}}).dump());
  const json before = objects();
  CHECK(nsp_apply(3) ==
        "unable to find kind 'Widget' of 'shop.example/v1': the server does not serve it\n"
        "HINT: install its custom resource definition, or leave such objects out; 'oc "
        "api-resources' lists what there is");
  CHECK(objects() == before);
}

TEST_CASE_METHOD(Shop, "a field that another manager owns", "[cluster]") {
  cluster.client().apply(config_map("shop", {{"colour", "blue"}}), {.manager = "painter"});
  const json before = objects();
  CHECK(nsp_apply(3) ==
        "unable to apply 'configmap/shop': field '.data.colour' is owned by 'painter'\n"
        "HINT: take the field out of the manifest, have its owner let it go, or force the apply "
        "to take it over");
  CHECK(objects() == before);
}

TEST_CASE_METHOD(Shop, "a plan that has changed since it was approved", "[cluster]") {
  const std::string approved =
      place.run(0, CROSSOVER_NSP_APPLY, {"apply", "--dry-run"})["plan_sha256"];
  place.write("manifest.yaml", config_map("shop", {{"colour", "green"}}).dump());
  const std::string now = place.run(0, CROSSOVER_NSP_APPLY, {"apply", "--dry-run"})["plan_sha256"];
  CHECK(nsp_apply(3, {"--approved-plan", approved}) ==
        fmt::format("unable to run 'nsp-apply apply': the plan has changed since it was approved "
                    "(approved {0}, now {1})\nHINT: look at 'nsp-apply apply --dry-run' and "
                    "approve {1}",
                    approved, now));
  CHECK_FALSE(cluster.client().find(config_map_ref));
}

TEST_CASE_METHOD(Shop, "a migration that another run holds", "[cluster]") {
  const SystemClock clock;
  kube::LeaseOptions held;
  held.migration = "shop";
  held.holder = "somebody@else 1 x";
  const kube::Lease lease(cluster.client(), held, clock, cluster.log());
  const std::string since = kube::read_lease(cluster.client(), {}, "shop", clock)->since;
  CHECK(nsp_apply(5) ==
        fmt::format("unable to lock migration 'shop': held by 'somebody@else 1 x' since {}\n"
                    "HINT: wait until that run has ended, or end it, then run again",
                    since));
  CHECK_FALSE(cluster.client().find(config_map_ref));
}

TEST_CASE_METHOD(Shop, "credentials of the cluster that have expired", "[cluster]") {
  std::string kubeconfig = files::read(std::getenv("CROSSOVER_TEST_KUBECONFIG"));
  const std::size_t users = kubeconfig.find("\nusers:");
  kubeconfig.replace(users, kubeconfig.find("\ncontexts:") - users,
                     "\nusers: [{name: admin, user: {token: expired-canary}}]");
  place.write("expired", kubeconfig);
  CHECK(
      nsp_apply(3, {"--kubeconfig", "expired"}) ==
      "unable to discover 'kinds': the server does not accept our credentials\n"
      "HINT: those of context 'sandbox' of kubeconfig 'expired' have expired or are wrong: log in "
      "again");
  CHECK_FALSE(cluster.client().find(config_map_ref));
}

TEST_CASE_METHOD(Shop, "a workload that is not ready in time", "[cluster]") {
  place.write("api.yaml", deployment("api", 1).dump());
  configure("passwordEnv: PASSWORD", "provision: {external: true, api: [{manifests: api.yaml}]}\n");
  const process::Outcome outcome =
      place.start({CROSSOVER_DB_PROVISION, "apply", "--timeout", "2s"});
  INFO(outcome.err);
  CHECK(outcome.exit_code == 6);
  const json document = json::parse(outcome.out);
  CHECK(document["status"] == "timed-out");
  CHECK(document["changed"] == true);
  // What is left of the two seconds when the waiting begins, to a tenth.
  CHECK_THAT(document["error"]["message"].get<std::string>(),
             Catch::Matches("unable to bring up 'deployment/api': 0 of 1 replicas are available "
                            "after [12](\\.[0-9])? s"));
}

TEST_CASE_METHOD(Shop, "Flyway that fails", "[cluster]") {
  place.write("api.yaml", deployment("api", 1).dump());
  place.write("flyway",
              "#!/bin/sh\necho 'Database: jdbc:postgresql'\n"
              "echo 'ERROR: Migration V1.3__create_requests.sql failed' >&2\n"
              "echo 'SQL State  : 42P01' >&2\n"
              "echo 'Message    : relation \"profile\" does not exist' >&2\nexit 1\n");
  std::filesystem::permissions(place.path() / "flyway", std::filesystem::perms(0755));
  configure("passwordEnv: PASSWORD",
            "provision: {external: true, api: [{manifests: api.yaml}], flyway: {runner: local, "
            "command: [./flyway, migrate]}}\n");
  CHECK(place.refusal(1, CROSSOVER_DB_PROVISION, {"apply"}) ==
        "unable to run './flyway': exit code 1: ERROR: Migration V1.3__create_requests.sql failed "
        "SQL State  : 42P01 Message    : relation \"profile\" does not exist");
  CHECK_FALSE(cluster.client().find({"apps/v1", "Deployment", {}, "api"}));
}

TEST_CASE("evidence that can't be written keeps the state where it is", "[cluster]") {
  Site site;
  std::filesystem::create_directory(site.folder() / "full");
  site.service().databases().old_db.open("test").batch(
      "INSERT INTO crossover.evidence (task, verb, actor, outcome, plan_sha256, started_at, "
      "detail) "
      "VALUES ('data-sync', 'start', 'x', 'done', '', '', '')");
  const process::Outcome outcome = site.start_program(
      "unshare",
      {"--mount", "sh", "-c",
       "mount -t tmpfs -o size=4k none full && head -c 4096 /dev/zero > full/rest && exec \"$@\"",
       "sh", CROSSOVER_DATA_SYNC, "remove", "--evidence-file", "full/evidence.json"});
  CHECK(Workplace::refusal(1, outcome) ==
        "unable to write 'full/evidence.json': No space left on device\n"
        "HINT: nothing was removed; give another place with --evidence-file");
  CHECK(site.service().number(sync::Side::old_side, "SELECT count(*) FROM crossover.migration") ==
        1);
}

namespace {

json service_named(const std::string& name) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}}},
          {"spec", {{"selector", {{"app", name}}}, {"ports", {{{"port", 8080}}}}}}};
}

const kube::Ref route_ref{"route.openshift.io/v1", "Route", {}, "web"};

/// A site with a Route that leads to service `leads_to`.
struct RouteSite {
  explicit RouteSite(const std::string& leads_to, const json& labels = json::object()) {
    cluster.client().create(service_named("old-api"));
    cluster.client().create(service_named("new-api"));
    cluster.client().create(
        {{"apiVersion", route_ref.api_version},
         {"kind", route_ref.kind},
         {"metadata", {{"name", route_ref.name}, {"labels", labels}}},
         {"spec", {{"to", {{"kind", "Service"}, {"name", leads_to}, {"weight", 100}}}}}});
    before = cluster.client().get(route_ref);
  }
  /// The refusal of `route-switch switch`; Route and databases must be as they were.
  std::string refusal(int exit_code) {
    Site site(
        fmt::format("approval: none\nnamespace: {}\n"
                    "route: {{name: web, oldService: old-api, newService: new-api, url: "
                    "'http://127.0.0.1:1', marker: {{path: /, header: X, old: a, new: b}}}}\n",
                    cluster.ns()));
    std::string text = Workplace::refusal(exit_code, site.start({"switch"}));
    CHECK(cluster.client().get(route_ref) == before);
    CHECK(site.service().state().target == sync::Side::old_side);
    CHECK_FALSE(site.service().state().paused);
    return text;
  }
  TestCluster cluster;
  json before;
};

}  // namespace

TEST_CASE("a Route that a GitOps controller owns", "[cluster]") {
  RouteSite site("old-api", {{"argocd.argoproj.io/instance", "web"}});
  CHECK(site.refusal(3) ==
        "unable to change 'route/web': it is owned by Argo CD application 'web'\n"
        "HINT: Argo CD would put it back: suspend it for the migration, or let it ignore this "
        "object, then run again");
}

TEST_CASE("a Route without the backend that the configuration names", "[cluster]") {
  RouteSite site("another-api");
  CHECK(
      site.refusal(3) ==
      "unable to patch 'route/web': no backend is service 'old-api'\n"
      "HINT: it leads to [{\"service\":\"another-api\",\"weight\":100}]; correct "
      "route.oldService and route.newService in crossover.yaml, or lead it to 'new-api' yourself");
}

TEST_CASE("a pooler that can't log in to the new database", "[cluster]") {
  Site site;
  site.service()
      .server(sync::Side::new_side)
      .connect("app")
      .batch("ALTER ROLE app PASSWORD 'another'");
  const std::string pooler = fmt::format("127.0.0.1:{}", site.service().pooler(0).port());
  CHECK(Workplace::refusal(3, site.start({"switch"})) ==
        fmt::format("unable to reach the new database through pooler '{0}': unable to connect to "
                    "'{0}/app_check': password authentication failed "
                    "for user \"app\"\nHINT: make the application's credentials, the network rules "
                    "and TLS of the new database right for the pooler: `db-provision status`",
                    pooler));
  CHECK(site.live() == "old");
  CHECK(site.service().state().target == sync::Side::old_side);
  CHECK_FALSE(site.service().state().paused);
}

}  // namespace crossover::test
