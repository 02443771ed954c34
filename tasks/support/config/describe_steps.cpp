#include "config/describe.h"

namespace crossover::config {

void describe(Fields& fields, Probe& probe) {
  fields.text("from", probe.from, "labels of the probing pod, `app=x`", Presence::required);
  fields.section("to", probe.to, "what it connects to", "Target");
  fields.choice("expect", probe.expect, reachabilities, "what must come of it");
  fields.text("image", probe.image, "of the probing pod; default: `image`");
}

void describe(Fields& fields, Network& network) {
  fields.boolean("translate", network.translate,
                 "make NetworkPolicies of legacy rules where the cluster lacks their kinds");
  fields.sections("rules", network.rules, "rules for the way to the new set", "Source");
  fields.sections("home", network.home, "rules for the way home", "Source");
  fields.sections("prove", network.prove, "connections that `nsp-apply prove` tries", "Probe");
}

void describe(Fields& fields, Flyway& flyway) {
  fields.choice("runner", flyway.runner, flyway_runners, "who runs `flyway migrate`");
  fields.text("workload", flyway.workload, "for hook and initContainer: `deploymentconfig/NAME`");
  fields.sections("job", flyway.job, "for job: the Job's objects", "Source");
  fields.texts("command", flyway.command, "for local: the command and its arguments");
  fields.paths("locations", flyway.locations, "for local: folders of migrations");
  fields.section("credentials", flyway.credentials,
                 "for local: who logs in; default: `databases.new.credentials`", "Credentials");
  fields.text("historyTable", flyway.history_table, "name of Flyway's table");
  fields.text("schema", flyway.schema, "schema of Flyway's table");
  const bool in_workload =
      flyway.runner == FlywayRunner::hook || flyway.runner == FlywayRunner::init_container;
  fields.rule(!in_workload || !flyway.workload.empty(), "runner", "this runner needs 'workload'",
              "set it to KIND/NAME of the API's workload");
  fields.rule(flyway.runner != FlywayRunner::job || !flyway.job.empty(), "runner",
              "this runner needs 'job'", "");
  fields.rule(flyway.runner != FlywayRunner::local || !flyway.command.empty(), "command",
              "'command' is empty", "");
}

void describe(Fields& fields, Provision& provision) {
  fields.sections("database", provision.database, "objects of the new database", "Source");
  fields.sections("api", provision.api, "objects of the new API", "Source");
  fields.sections("check", provision.check,
                  "a copy of the new API that connects to the pooler's check entry", "Source");
  fields.sections("rehearsal", provision.rehearsal,
                  "a copy of the new API that connects to the pooler's rehearsal entry, for "
                  "`data-sync rehearse`",
                  "Source");
  fields.sections("stay", provision.stay,
                  "the new API without pooler and temporary label, for `apply --stay`", "Source");
  fields.sections("homeDatabase", provision.home_database, "the same for the way home", "Source");
  fields.sections("homeApi", provision.home_api, "the same for the way home", "Source");
  fields.boolean("external", provision.external, "the new database is not in this cluster");
  fields.duration("timeout", provision.timeout, "until all of it is ready");
  fields.section("flyway", provision.flyway, "how the new database gets its schema");
  fields.boolean("checkApi", provision.check_api, "whether the objects of `check` are made");
}

void describe(Fields& fields, Pooler& pooler) {
  fields.text("name", pooler.name, "of its Deployment, Service and ConfigMap", Presence::required);
  fields.text("image", pooler.image, "PgBouncer 1.21 or later", Presence::required);
  fields.integer("replicas", pooler.replicas, 1, 100, "pods");
  fields.integer("port", pooler.port, 1, 65535, "that the API connects to");
  fields.integer("poolSize", pooler.pool_size, 1, 10000, "server connections a pod");
  fields.integer("maxClientConnections", pooler.max_client_connections, 1, 100000,
                 "client connections a pod");
  fields.integer("maxPreparedStatements", pooler.max_prepared_statements, 1, 100000,
                 "named statements kept a connection");
  fields.text("tlsSecret", pooler.tls_secret, "server certificate for the API's side");
}

void describe(Fields& fields, TablePolicy& policy) {
  fields.choice("policy", policy.policy, policies, "what happens to rows the target already holds");
  fields.texts("key", policy.key,
               "columns of the natural key; default: the first unique constraint besides the "
               "primary key, else that");
  fields.boolean("acceptTargetOnly", policy.accept_target_only,
                 "rows that only the target has may be lost; of a merged table those whose id the "
                 "source gives to another row");
}

void describe(Fields& fields, Answers& answers) {
  const std::vector<std::string> words = {"", "none", "tolerated"};
  fields.word("listen", answers.listen, words, "LISTEN and NOTIFY");
  fields.word("advisoryLocks", answers.advisory_locks, words, "session advisory locks");
  fields.word("temporaryTables", answers.temporary_tables, words,
              "temporary tables that outlive a transaction");
  fields.word("workers", answers.workers, words, "workers and schedules of either API");
}

void describe(Fields& fields, Sync& sync) {
  fields.texts("schemas", sync.schemas, "schemas whose tables are moved");
  fields.choice("defaultPolicy", sync.default_policy, policies, "for tables not named below");
  fields.sections("tables", sync.tables, "by `schema.table`", "Table policy");
  fields.duration("lockTimeout", sync.lock_timeout, "of one attempt at a table's lock");
  fields.duration("lockBudget", sync.lock_budget, "of all attempts at one table");
  fields.duration("logRetention", sync.log_retention, "how long applied log entries are kept");
  fields.bytes("logLimit", sync.log_limit, "size of the log at which capture gives up");
  fields.bytes("keylessLimit", sync.keyless_limit, "largest table without a key");
  fields.integer("sequenceMargin", sync.sequence_margin, 0, std::int64_t{1} << 40U,
                 "how far sequences are set ahead");
  fields.bytes("throttle", sync.throttle, "bytes a second of the copy; 0: none");
  fields.duration("snapshotLimit", sync.snapshot_limit,
                  "how long one snapshot of a copy or a verification may hold back vacuum (14 and "
                  "later); 0s: as long as it takes");
  fields.integer("workers", sync.workers, 1, 64, "tables copied at once");
  fields.section("answers", sync.answers, "to what the preflight cannot find out");
  fields.rule(!sync.schemas.empty(), "schemas", "'schemas' is empty", "");
  for (const auto& [table, policy] : sync.tables) {
    fields.rule(table.find('.') != std::string::npos, "tables",
                "table '" + table + "' must be written as 'schema.table'",
                "write 'public." + table + "'");
  }
}

void describe(Fields& fields, Seeds& seeds) {
  fields.text("table", seeds.table, "`schema.table`", Presence::required);
  fields.texts("key", seeds.key, "columns of the natural key");
  fields.json_list("rows", seeds.rows, "rows that must be there, column: value");
  fields.path("file", seeds.file, "the same from a CSV file with a header, or a YAML list");
  fields.rule(!seeds.key.empty(), "", "'key' is missing", "");
  fields.rule(!seeds.rows.empty() || !seeds.file.empty(), "",
              "one of 'rows' and 'file' must be set", "");
}

void describe(Fields& fields, CleanupCall& cleanup) {
  fields.text("method", cleanup.method, "HTTP method");
  fields.text("path", cleanup.path, "path", Presence::required);
}

void describe(Fields& fields, EndpointCheck& check) {
  fields.text("name", check.name, "of the check", Presence::required);
  fields.text("method", check.method, "HTTP method");
  fields.text("path", check.path,
              "path with query; `{token}` in it, in the body or in a header stands for a word that "
              "each run makes anew",
              Presence::required);
  fields.integer("status", check.status, 100, 599, "of the answer");
  fields.json_map("json", check.json, "of the answer: JSON pointer → value");
  fields.text_map("headers", check.headers, "of the answer: name → value");
  fields.text_map("requestHeaders", check.request_headers, "sent with the request");
  fields.text("body", check.body, "of the request");
  fields.choice("phase", check.phase, phases, "when it may be called; full needs a login");
  fields.boolean("writes", check.writes, "whether it changes data");
  fields.section("cleanup", check.cleanup, "the request that undoes it");
  fields.text("tokenEnv", check.token_env, "an environment variable that holds a bearer token");
  fields.rule(check.path.empty() || check.path.starts_with('/'), "path",
              "'path' must begin with '/'", "");
  const bool reads = check.method == "GET" || check.method == "HEAD";
  fields.rule(check.phase == Phase::full || (reads && !check.writes), "phase",
              "an anonymous check must be a GET or HEAD that writes nothing",
              "set 'phase: full' for this check");
}

void describe(Fields& fields, VerifyTargets& targets) {
  fields.section("api", targets.api, "the new API", "Target");
  fields.section("check", targets.check, "its copy on the new database", "Target");
  fields.section("rehearsal", targets.rehearsal, "its copy on the rehearsal database", "Target");
  fields.section("route", targets.route, "the Route", "Target");
}

void describe(Fields& fields, Verify& verify) {
  fields.sections("seeds", verify.seeds, "rows that must be in the new database", "Seeds");
  fields.sections("endpoints", verify.endpoints, "requests and their answers", "Endpoint check");
  fields.section("targets", verify.targets, "what the endpoints are called on");
  fields.integer("parallel", verify.parallel, 1, 256, "requests at once");
}

}  // namespace crossover::config
