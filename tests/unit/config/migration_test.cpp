#include "config/migration.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "unit/config/config_file.h"

using namespace crossover;
using namespace std::chrono_literals;
using config::Migration;
using test::ConfigFile;

namespace {

constexpr std::string_view full = R"(name: registry
namespace: registry
temporaryLabel: app=registry-flyway
approval: {mode: required, approvers: [ann, "group:ops"], count: 2}
image: localhost/crossover:dev
databases:
  old: &db
    service: registry-patroni
    database: registry
    credentials: {secret: creds, user: postgres, passwordKey: superuser-password}
    tls: {caSecret: registry-patroni-tls}
  new: {host: db.example, port: 5433, database: registry, tls: {mode: require}}
  application: {secret: creds, userKey: app-user, passwordKey: app-password}
network:
  translate: true
  rules:
    - {template: openshift/nsp.yaml, parameters: {NAMESPACE: registry, COUNT: 1.20}, parameterFiles: [p.env]}
    - manifests: /abs/np.yaml
  prove: [{from: app=x, to: {service: registry-patroni-flyway, port: 5432}, expect: closed}]
provision:
  timeout: 5m
  flyway: {runner: initContainer, workload: deployment/api}
pooler: {name: registry-pooler, image: pgbouncer}
sync:
  tables:
    public.ministry: {policy: merge, key: [acronym], acceptTargetOnly: true}
    public.flyway_schema_history: {policy: skip}
  lockTimeout: 250ms
  logLimit: 2GiB
  answers: {listen: none}
verify:
  seeds: [{table: public.role, key: [name], rows: [{name: admin, level: 3}]}]
  endpoints: [{name: health, path: /health, json: {/status: ok}}]
  targets: {route: {url: "http://10.99.0.2", host: registry.example}}
route: {name: registry-web-to-api, oldService: registry-api, newService: registry-api-flyway, marker: {header: X-V, old: v1, new: v2}}
switch: {pauseBudget: 1500ms, health: {endpoint: health}}
sideEffects: [{name: mailer, before: {object: deployment/mailer, replicas: 1}, after: {object: deployment/mailer, replicas: 0}}]
backup: {release: db-backup, chart: chart/backup, set: {a.b: "1"}, values: [v.yaml]}
)";

}  // namespace

TEST_CASE("every section is read into its type, paths by the file's folder") {
  const ConfigFile file(full);
  const Migration read = file.load();
  CHECK(read.name == "registry");
  CHECK(read.approval.count == 2);
  CHECK(read.approval.approvers == std::vector<std::string>{"ann", "group:ops"});
  CHECK(read.databases.old_side->credentials.password_key == "superuser-password");
  CHECK(read.databases.old_side->tls.mode == config::TlsMode::verify_full);
  CHECK(read.databases.new_side->port == 5433);
  CHECK(read.databases.application->user_key == "app-user");
  CHECK(read.network.rules.at(0).template_file == file.folder() + "/openshift/nsp.yaml");
  CHECK(read.network.rules.at(0).parameters.at("COUNT") == "1.20");
  CHECK(read.network.rules.at(1).manifests == "/abs/np.yaml");
  CHECK(read.network.prove.at(0).expect == config::Reachability::closed);
  CHECK(read.provision.timeout == 5min);
  CHECK(read.provision.flyway.runner == config::FlywayRunner::init_container);
  CHECK(read.pooler->pool_size == 20);
  CHECK(read.sync.tables.at("public.ministry").key == std::vector<std::string>{"acronym"});
  CHECK(read.sync.policy_of("public.flyway_schema_history").policy == config::Policy::skip);
  CHECK(read.sync.policy_of("public.other").policy == config::Policy::replace);
  CHECK(read.sync.lock_timeout == 250ms);
  CHECK(read.sync.log_limit == std::uint64_t{2} << 30U);
  CHECK(read.verify.seeds.at(0).rows.at(0).at("level") == 3);
  CHECK(read.verify.endpoints.at(0).json.at("/status") == "ok");
  CHECK(read.routes.at(0).marker.new_value == "v2");
  CHECK(read.cutover.pause_budget == 1500ms);
  CHECK(read.side_effects.at(0).after.replicas == 0);
  CHECK(read.backup->set.at("a.b") == "1");
  CHECK(read.cleanup.keep_volumes);
}

TEST_CASE("the effective configuration reads back as the same") {
  const ConfigFile file(full);
  const auto first = config::to_json(file.load());
  const ConfigFile again(first.dump());
  // absolute paths: the second file is in another folder
  CHECK(config::to_json(again.load()).dump(1) == first.dump(1));
  CHECK(first["sync"]["lockTimeout"] == "250ms");
  CHECK(first["provision"]["timeout"] == "5m");
  CHECK(first["cleanup"]["keepVolumes"] == true);
}

TEST_CASE("approval can be one word, and is required by default") {
  CHECK(ConfigFile("name: a\napproval: none\n").load().approval.mode == config::ApprovalMode::none);
  CHECK(ConfigFile("name: a\n").load().approval.mode == config::ApprovalMode::required);
}

TEST_CASE("what is wrong is told with file, line and the nearest valid name") {
  CHECK(ConfigFile("name: a\nsync:\n  tabels: {}\n").refusal() ==
        "unable to read 'crossover.yaml': crossover.yaml:3: unknown key 'tabels' in 'sync'\n"
        "HINT: did you mean 'tables'?");
  CHECK(ConfigFile("nmae: a\n").refusal() ==
        "unable to read 'crossover.yaml': crossover.yaml:1: unknown key 'nmae'\n"
        "HINT: did you mean 'name'?");
  CHECK(ConfigFile("namespace: a\n").refusal() ==
        "unable to read 'crossover.yaml': crossover.yaml:1: 'name' is missing");
  CHECK(ConfigFile("name: a\nsync: {workers: four}\n").refusal() ==
        "unable to read 'crossover.yaml': crossover.yaml:2: 'sync.workers' must be a whole number, "
        "not 'four'");
  CHECK(ConfigFile("name: a\nnetwork:\n  rules:\n    - {}\n").refusal() ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'network.rules[0]': exactly one of "
        "'template' and 'manifests' must be set");
  CHECK(
      ConfigFile("name: a\nsync: {tables: {role: {policy: skip}}}\n").refusal() ==
      "unable to read 'crossover.yaml': crossover.yaml:2: in 'sync': table 'role' must be written "
      "as 'schema.table'\nHINT: write 'public.role'");
  CHECK_THAT(ConfigFile("name: a\nroute: {kind: Rout, name: x}\n").refusal(),
             Catch::Contains("crossover.yaml:2") && Catch::Contains("did you mean 'Route'?"));
}

TEST_CASE("an anonymous check that writes is refused") {
  CHECK(ConfigFile("name: a\nverify:\n  endpoints:\n    - {name: x, path: /x, method: POST}\n")
            .refusal() ==
        "unable to read 'crossover.yaml': crossover.yaml:4: in 'verify.endpoints[0]': an anonymous "
        "check must be a GET or HEAD that writes nothing\nHINT: set 'phase: full' for this check");
}

TEST_CASE("values that are named like secrets are not shown") {
  const ConfigFile file(R"(name: a
network: {rules: [{template: t.yaml, parameters: {DB_PASSWORD: canary, APP: web}}]}
verify: {endpoints: [{name: e, path: /, requestHeaders: {Authorization: canary, Accept: json}}]}
backup: {release: b, chart: c, set: {auth.apiKey: canary, size: 1Gi}}
)");
  const auto shown = config::to_json(file.load());
  CHECK(shown.dump().find("canary") == std::string::npos);
  CHECK(shown["network"]["rules"][0]["parameters"] ==
        nlohmann::ordered_json{{"APP", "web"}, {"DB_PASSWORD", "[redacted]"}});
  CHECK(shown["verify"]["endpoints"][0]["requestHeaders"]["Accept"] == "json");
  CHECK(shown["backup"]["set"]["size"] == "1Gi");
}

TEST_CASE("flags and environment win over the file, in sections that it lacks too") {
  const ConfigFile file("name: a\nsync: {lockTimeout: 1s}\n");
  const Migration read = file.load({{"sync.lockTimeout", "2s", "--lock-timeout"},
                                    {"switch.pauseBudget", "3s", "CROSSOVER_PAUSE_BUDGET"},
                                    {"namespace", "b", "--namespace"}});
  CHECK(read.sync.lock_timeout == 2s);
  CHECK(read.cutover.pause_budget == 3s);
  CHECK(read.namespace_name == "b");
  CHECK(file.refusal({{"sync.workers", "65", "--workers"}}) ==
        "unable to use '--workers': it must be a whole number from 1 to 64, not '65'");
}

TEST_CASE("a section that a verb needs is named when it is missing") {
  const ConfigFile file("name: a\n");
  Migration read = file.load();
  read.file = "crossover.yaml";
  CHECK_THROWS_WITH(read.require(read.routes, "route"),
                    "unable to use 'crossover.yaml': 'route' is missing");
  CHECK_THROWS_WITH(read.require(read.image, "image"),
                    "unable to use 'crossover.yaml': 'image' is missing");
}

TEST_CASE("the reference lists each key once, each type once") {
  const std::string page = config::reference();
  CHECK_THAT(page, Catch::Contains("| `name` | text | required |"));
  CHECK_THAT(page, Catch::Contains("| `sync.lockTimeout` | duration | `400ms` |"));
  CHECK_THAT(page, Catch::Contains("| `databases.old` | [Database](#database) |"));
  CHECK(page.find("## Source\n") == page.rfind("## Source\n"));
}
