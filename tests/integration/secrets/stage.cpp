#include "integration/secrets/stage.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/error.h"

namespace crossover::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::string_view roles = R"(
CREATE ROLE migrator LOGIN SUPERUSER PASSWORD {0};
CREATE ROLE app LOGIN PASSWORD {0};
CREATE ROLE weak LOGIN PASSWORD {0};
)";

constexpr std::string_view schema = R"(
CREATE TABLE public.profile(id bigserial PRIMARY KEY, name text UNIQUE, counter bigint NOT NULL DEFAULT 0);
CREATE TABLE public.event(id bigserial PRIMARY KEY, profile_id bigint REFERENCES public.profile(id),
  token text NOT NULL);
GRANT USAGE ON SCHEMA public TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO app;
)";

/// As Flyway 10 makes it.
constexpr std::string_view history = R"(
CREATE TABLE public.flyway_schema_history (installed_rank integer PRIMARY KEY, version varchar(50),
  description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL,
  checksum integer, installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(),
  execution_time integer NOT NULL, success boolean NOT NULL);
INSERT INTO public.flyway_schema_history VALUES
  (1, '1.0', 'all', 'SQL', 'V1.0__all.sql', 1, 'migrator', now(), 1, true);
)";

void populate(PostgresServer& server, bool is_new) {
  postgres::Session session = server.connect();
  session.batch(fmt::format(roles, canary_in_sql));
  server.create_database("app", "migrator");
  postgres::Session app = server.connect("app");
  app.batch(schema);
  app.batch(is_new ? history : "INSERT INTO public.profile(name) VALUES ('first'), ('second')");
  // From here on the log shows what the programs send.
  server.set("log_statement", "all");
  server.set("log_min_duration_statement", "0");
  server.set("log_connections", "on");
}

std::string address(const PostgresServer& server) {
  return fmt::format("host: 127.0.0.1, port: {}, database: app, tls: {{mode: disable}}",
                     server.port());
}

std::string database(const PostgresServer& server, Source source, bool is_new) {
  switch (source) {
    case Source::secret:
      return fmt::format("{{{}, credentials: {{secret: creds, userKey: user, passwordKey: pass}}}}",
                         address(server));
    case Source::environment:
      return fmt::format("{{{}, credentials: {{user: migrator, passwordEnv: PASSWORD}}}}",
                         address(server));
    case Source::file:
      return fmt::format("{{{}, credentials: {{user: migrator, passwordFile: password}}}}",
                         address(server));
    case Source::dsn:
      break;
  }
  return is_new ? "{dsnFile: new.dsn}" : "{dsnEnv: OLD_DSN}";
}

const char* const rest_of_config = R"(
name: canary
namespace: {ns}
approval: none
image: localhost/none:1
temporaryLabel: app=canary-new
network: {{rules: [{{template: rules.yaml, parameterFiles: [rules.env]}}]}}
provision:
  external: true
  timeout: 60s
  api: [{{manifests: api.yaml}}]
  flyway: {{runner: local, command: [./flyway, migrate], locations: [sql]}}
pooler: {{name: pooler, image: localhost/none:1}}
sync: {{answers: {{listen: none, advisoryLocks: none, temporaryTables: none, workers: none}}}}
verify:
  seeds: [{{table: public.profile, key: [name], rows: [{{name: first}}]}}]
  endpoints:
    - {{name: health, path: /health}}
    - {{name: me, path: /me, phase: full, tokenEnv: API_TOKEN}}
  targets: {{api: {{url: "{api}"}}}}
backup:
  release: backup
  chart: chart
  values: [values.yaml]
  set: {{single.password: {yaml}}}
)";

const char* const rules_template = R"(apiVersion: template.openshift.io/v1
kind: Template
metadata: {name: rules}
parameters: [{name: PASSWORD, required: true}]
objects:
  - apiVersion: v1
    kind: Secret
    metadata: {name: from-template}
    stringData: {password: "${PASSWORD}"}
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: rules}
    spec: {podSelector: {matchLabels: {a: b}}, policyTypes: [Ingress]}
)";

const char* const chart_secret = R"(apiVersion: v1
kind: Secret
metadata: {name: backup}
stringData:
  single: {{ .Values.single.password | quote }}
  file: {{ .Values.file.password | quote }}
)";

/// Says more than Flyway does, as a wrapper script with `set -x` would.
const char* const flyway = R"(#!/bin/sh
echo "$1 of $FLYWAY_URL as $FLYWAY_USER with $FLYWAY_PASSWORD"
echo "again: $FLYWAY_PASSWORD" >&2
sleep 0.2
[ ! -e broken ] || { echo "ERROR: password $FLYWAY_PASSWORD is no good" >&2; exit 1; }
)";

}  // namespace

Kubelet::Kubelet(kube::testing::TestCluster& cluster)
    : client_(cluster.another()), ns_(cluster.ns()), thread_([this] { run(); }) {}

Kubelet::~Kubelet() {
  stopping_ = true;
  thread_.join();
}

void Kubelet::run() {
  while (!stopping_) {
    try {
      for (const json& pod : client_->list("v1", "Pod").items) {
        if (kube::text_at(pod, "/status/phase") == "Running") {
          continue;
        }
        json status = {{"phase", "Running"},
                       {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}};
        client_->patch(kube::ref_of(pod), kube::PatchType::merge, {{"status", status}},
                       {.subresource = "status"});
      }
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the pod is gone, or comes again
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Stage::Stage()
    : api_([](const auto& /*request*/) { return testing::ScriptedServer::answer(200, "{}"); }),
      kubelet_(cluster_) {
  populate(old_, false);
  populate(new_, true);
  cluster_.client().create(
      {{"apiVersion", "v1"},
       {"kind", "Secret"},
       {"metadata", {{"name", "creds"}}},
       {"stringData", {{"user", "migrator"}, {"pass", canary}, {"app-user", "app"}}}});
  json api = kube::testing::deployment("api", 1);
  write("api.yaml", api.dump());
  write("rules.yaml", rules_template);
  write("rules.env", fmt::format("PASSWORD={}\n", canary), 0600);
  write("password", fmt::format("{}\n", canary), 0600);
  write("new.dsn",
        fmt::format("host=127.0.0.1 port={} dbname=app user=migrator sslmode=disable "
                    "password={}\n",
                    new_.port(), canary_in_dsn),
        0600);
  environment = {
      {"PASSWORD", canary},
      {"CROSSOVER_POOLER_PASSWORD", canary},
      {"API_TOKEN", canary},
      {"OLD_DSN", fmt::format("postgresql://migrator:{}@127.0.0.1:{}/app?sslmode=disable",
                              canary_in_uri, old_.port())}};
  fs::create_directories(folder_.path() / "sql");
  fs::create_directories(folder_.path() / "chart" / "templates");
  write("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n");
  write("chart/templates/secret.yaml", chart_secret);
  write("values.yaml", fmt::format("file: {{password: {}}}\n", json(canary).dump()), 0600);
  write("flyway", flyway, 0755);
  configure(Source::secret);
}

void Stage::write(const std::string& name, const std::string& text, mode_t mode) const {
  files::write_atomically(folder_.path() / name, text, mode);
}

void Stage::configure(Source source, const std::string& more) {
  write(
      "crossover.yaml",
      fmt::format(fmt::runtime(rest_of_config), fmt::arg("ns", cluster_.ns()),
                  fmt::arg("api", api_.url()), fmt::arg("yaml", json(canary).dump())) +
          fmt::format("databases:\n  old: {}\n  new: {}\n  application: {{secret: creds, userKey: "
                      "app-user, passwordKey: pass}}\n{}",
                      database(old_, source, false), database(new_, source, true), more),
      0600);
}

process::Outcome Stage::start(const std::string& program, std::vector<std::string> arguments,
                              const std::string& output) {
  const fs::path results = folder_.path() / "results";
  fs::create_directories(results);
  process::Command command;
  command.argv = {program, "--output", output};
  std::ranges::move(arguments, std::back_inserter(command.argv));
  command.environment = {{"KUBECONFIG", std::getenv("CROSSOVER_TEST_KUBECONFIG")},
                         {"CROSSOVER_LOG_LEVEL", "debug"},
                         {"GITHUB_ACTIONS", "true"},
                         {"GITHUB_OUTPUT", (results / "output").string()},
                         {"GITHUB_STEP_SUMMARY", (results / "summary").string()},
                         {"TEKTON_RESULTS_DIR", results.string()}};
  for (const auto& [name, value] : environment) {
    command.secret_environment.emplace_back(name, Secret(value));
  }
  command.directory = folder_.path();
  command.timeout = std::chrono::minutes(3);
  process::Outcome outcome = process::run(command);
  const std::string label = fs::path(program).filename().string() + " " + command.argv[3];
  keep(label + " stdout", outcome.out);
  keep(label + " stderr", outcome.err);
  for (const auto& file : fs::recursive_directory_iterator(results)) {
    if (file.is_regular_file()) {
      keep(label + " " + file.path().filename().string(), files::read(file.path()));
    }
  }
  fs::remove_all(results);
  return outcome;
}

json Stage::run(int exit_code, const std::string& program,
                const std::vector<std::string>& arguments) {
  const process::Outcome document = start(program, arguments, "json");
  CAPTURE(program, arguments, document.err, document.out);
  REQUIRE(document.exit_code == exit_code);
  const process::Outcome text = start(program, arguments, "text");
  CAPTURE(text.err, text.out);
  REQUIRE(text.exit_code == exit_code);
  return json::parse(document.out);
}

void Stage::attempt(const std::string& program, const std::vector<std::string>& arguments) {
  start(program, arguments, "json");
  start(program, arguments, "text");
}

std::string Stage::fail(const std::string& program, const std::vector<std::string>& arguments) {
  const process::Outcome document = start(program, arguments, "json");
  CAPTURE(program, arguments, document.err, document.out);
  REQUIRE(document.exit_code != 0);
  start(program, arguments, "text");
  return json::parse(document.out).at("error").at("message");
}

postgres::Session Stage::connect(const PostgresServer& server) const {
  postgres::ConnectionOptions options = server.options("app", "migrator");
  options.password = Secret(canary);
  return postgres::Session(options);
}

void Stage::start_pooler() {
  const std::optional<json> secret = cluster_.client().find({"v1", "Secret", {}, "pooler-auth"});
  const auto entry = [](const PostgresServer& server) {
    return fmt::format("host=127.0.0.1 port={} dbname=app", server.port());
  };
  PgBouncerOptions options;
  options.password = canary;
  options.users =
      secret ? std::vector<std::string>{"postgres"} : std::vector<std::string>{"postgres", "app"};
  options.more_users = secret ? kube::secret_value(*secret, "users.txt") : std::string();
  options.databases = {{"app", entry(old_)}, {"app_check", entry(new_)}};
  pooler_ = std::make_unique<PgBouncer>(options);
  pooler_->write_config("old.ini", {{"app", entry(old_)}, {"app_check", entry(new_)}});
  pooler_->write_config("new.ini", {{"app", entry(new_)}, {"app_check", entry(new_)}});
  pooler_->write_config("start.ini", {{"app_check", entry(new_)}});
}

std::vector<std::string> Stage::with_pooler(std::vector<std::string> arguments) const {
  for (const std::string& argument :
       {std::string("--pooler"), fmt::format("127.0.0.1:{}", pooler_->port()),
        std::string("--pooler-user"), std::string("postgres"), std::string("--pooler-folder"),
        pooler_->directory().string()}) {
    arguments.push_back(argument);
  }
  return arguments;
}

void Stage::keep_objects() {
  for (const kube::Resource& resource : cluster_.client().resources()) {
    if (!resource.namespaced || !resource.can("list") || resource.kind == "Secret") {
      continue;
    }
    for (const json& object : cluster_.client().list(resource.api_version, resource.kind).items) {
      keep("object " + kube::ref_of(object).text(), object.dump());
    }
  }
  // Of Secrets, all but the data that they are for.
  for (json secret : cluster_.client().list("v1", "Secret").items) {
    secret.erase("data");
    keep("object " + kube::ref_of(secret).text(), secret.dump());
  }
}

void Stage::keep_database(const PostgresServer& server) {
  postgres::Session session = connect(server);
  const std::string label = fmt::format("PostgreSQL {} ", server.version());
  const auto keep_rows = [&](const std::string& what, const std::string& sql) {
    const postgres::Rows rows = session.query(sql);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      keep(label + what, std::string(rows.text(row, 0)) + "\n");
    }
  };
  keep_rows("functions",
            "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = "
            "p.pronamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND "
            "p.prokind IN ('f', 'p')");
  keep_rows("triggers", "SELECT pg_get_triggerdef(oid) FROM pg_trigger");
  keep_rows("comments", "SELECT description FROM pg_description");
  keep_rows("activity", "SELECT query FROM pg_stat_activity");
  if (session.query("SELECT to_regclass('crossover.evidence') IS NOT NULL").boolean(0, 0)) {
    keep_rows("evidence", "SELECT e::text FROM crossover.evidence e");
    keep_rows("positions", "SELECT p::text FROM crossover.position p");
  }
}

void Stage::keep_traces_of_all_places() {
  keep_objects();
  keep_database(old_);
  keep_database(new_);
  if (fs::exists(folder_.path() / "evidence.json")) {
    keep("exported evidence", files::read(folder_.path() / "evidence.json"));
  }
  keep("log of PostgreSQL 15", old_.log());
  keep("log of PostgreSQL 17", new_.log());
  if (pooler_) {
    keep("log of PgBouncer", pooler_->log());
  }
  for (const std::string& line : command_lines_.seen()) {
    keep("ps", line + "\n");
  }
}

std::vector<std::string> Stage::found(std::string_view secret) const {
  std::vector<std::string> all;
  for (const auto& [label, text] : said_) {
    for (const std::string& trace : traces(text, secret)) {
      all.push_back(label + ": " + trace);
    }
  }
  return all;
}

}  // namespace crossover::test
