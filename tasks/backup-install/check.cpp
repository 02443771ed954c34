#include "backup-install/check.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "backup-install/release.h"
#include "backup-install/scratch.h"
#include "base/error.h"
#include "kube/exec.h"
#include "kube/port_forward.h"
#include "postgres/endpoint.h"
#include "resources/step.h"

namespace crossover::backup_install {

namespace {

using nlohmann::json;

/// Runs in the backup's container, whose psql is as new as its pg_dump. The password comes by
/// stdin: arguments are for everybody to see. $1 file, $2 host, $3 port, $4 user, $5 database.
constexpr const char* restore_script = R"(set -euo pipefail
IFS= read -r PGPASSWORD
export PGPASSWORD
gzip -t "$1"
gzip -dc "$1" | tail -n 20 | grep -q 'PostgreSQL database dump complete' || {
  echo 'the file does not end as a whole dump does' >&2
  exit 65
}
gzip -dc "$1" | psql --no-psqlrc --no-password --quiet --set ON_ERROR_STOP=1 \
  --host "$2" --port "$3" --username "$4" --dbname "$5" >/dev/null
)";

/// "deployment/NAME" as a Ref; by the release's first workload where none is configured.
kube::Ref workload_of(const config::Backup& backup, Helm& helm) {
  if (const std::size_t slash = backup.workload.find('/'); slash != std::string::npos) {
    const std::string kind = backup.workload.substr(0, slash);
    const std::string name = backup.workload.substr(slash + 1);
    if (kind == "statefulset" || kind == "StatefulSet") {
      return {"apps/v1", "StatefulSet", {}, name};
    }
    if (kind == "deploymentconfig" || kind == "DeploymentConfig") {
      return {"apps.openshift.io/v1", "DeploymentConfig", {}, name};
    }
    return {"apps/v1", "Deployment", {}, name};
  }
  for (const json& object : helm.manifest(backup.release)) {
    const std::string kind = kube::text_at(object, "/kind");
    if (kind == "Deployment" || kind == "StatefulSet" || kind == "DeploymentConfig") {
      return kube::ref_of(object);
    }
  }
  throw Error(
      ErrorKind::precondition,
      fmt::format("unable to find the backup's pod: release '{}' has no workload", backup.release),
      "name it as backup.workload");
}

std::string pod_of(kube::Client& client, const kube::Ref& workload) {
  const json object = client.get(workload);
  const json& labels = kube::at(object, "/spec/selector/matchLabels");
  kube::ForwardTarget target;
  target.selector =
      kube::selector_text(labels.is_object() ? labels : kube::at(object, "/spec/selector"));
  target.port = "1";  // any: only the pod is asked for
  return kube::resolve_target(client, target).pod;
}

class Check {
 public:
  Check(cli::TaskContext& context, kube::Client& client, Helm& helm)
      : context_(context),
        client_(client),
        backup_(context.config().require(context.config().backup, "backup")),
        database_(context.config().require(context.config().databases.new_side, "databases.new")),
        endpoint_(database_, "databases.new",
                  {.client = &client,
                   .ns = client.own_namespace(),
                   .in_cluster = kube::in_cluster(),
                   .log = context.log()}),
        session_(endpoint_.open("backup-check")) {
    if (backup_.check.command.empty()) {
      throw Error(ErrorKind::usage,
                  "unable to use 'crossover.yaml': 'backup.check.command' is missing",
                  "name the command that makes a backup now, such as [/backup.sh, \"-1\"]");
    }
    pod_ = pod_of(client, workload_of(backup_, helm));
  }

  void run() {
    const std::string since = moment_of(session_);
    const Contents before = contents_of(session_, backup_.check.tables);
    std::string file;
    context_.phase("backup", [&] { file = make_backup(); });
    const Contents after = contents_of(session_, backup_.check.tables, since);
    context_.result().set_report("backup", {{"pod", pod_}, {"file", file}});
    const ScratchDatabase scratch(session_, context_.config().name, context_.log());
    context_.phase("restore", [&] { restore(file, scratch.name()); });
    context_.phase("compare", [&] {
      postgres::ConnectionOptions options = session_.options();
      options.database = scratch.name();
      postgres::Session restored(options);
      compare(before, after, contents_of(restored, backup_.check.tables), context_.result());
    });
    context_.result().throw_if_check_failed("check", "backup");
  }

 private:
  kube::ExecOutcome exec(std::vector<std::string> command, Secret input) {
    kube::ConnectOptions options = resources::connect_options(context_);
    options.ns = client_.own_namespace();
    kube::ExecRequest request;
    request.pod = pod_;
    request.command = std::move(command);
    request.input = std::move(input);
    request.timeout = context_.timeout(backup_.timeout);
    return kube::exec(options, request, context_.clock(), context_.stop());
  }

  std::string make_backup() {
    const kube::ExecOutcome outcome = exec(backup_.check.command, {});
    if (outcome.exit_code != 0) {
      throw Error(ErrorKind::failure,
                  fmt::format("unable to make 'a backup': exit code {}: {}", outcome.exit_code,
                              outcome.err.substr(0, outcome.err.find_last_not_of('\n') + 1)),
                  fmt::format("see the log of 'pod/{}'", pod_));
    }
    return backup_file(outcome.out, backup_.check.directory);
  }

  void restore(const std::string& file, const std::string& database) {
    const postgres::ConnectionOptions options = endpoint_.connection_options();
    // From the pod the Service is reached by its name, whatever way leads there from here.
    const std::string host = !database_.service.empty() ? database_.service : options.host;
    const kube::ExecOutcome outcome = exec({"bash", "-c", restore_script, "restore", file, host,
                                            std::to_string(database_.port), options.user, database},
                                           Secret(options.password.reveal() + "\n"));
    if (outcome.exit_code != 0) {
      throw Error(ErrorKind::failure,
                  fmt::format("unable to restore '{}': exit code {}: {}", file, outcome.exit_code,
                              outcome.err.substr(0, outcome.err.find_last_not_of('\n') + 1)),
                  "this backup cannot be relied on");
    }
  }

  cli::TaskContext& context_;
  kube::Client& client_;
  const config::Backup& backup_;
  const config::Database& database_;
  const postgres::Endpoint endpoint_;
  postgres::Session session_;
  std::string pod_;
};

}  // namespace

void check(cli::TaskContext& context) {
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  const std::unique_ptr<Helm> helm = connect_helm(context, *client);
  resources::run_exclusive(context, *client, [&] { Check(context, *client, *helm).run(); });
}

}  // namespace crossover::backup_install
