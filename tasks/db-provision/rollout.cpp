#include "db-provision/rollout.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kube/object.h"
#include "kube/readiness.h"

namespace crossover::db_provision {

namespace {

using nlohmann::json;

constexpr auto gone_timeout = std::chrono::minutes(1);
constexpr int unprocessable = 422;

/// Whether the server would refuse the Job because its template is another one.
bool is_another_run(kube::Client& client, const json& job) {
  kube::ApplyOptions options;
  options.dry_run = true;
  try {
    client.apply(job, options);
    return false;
  } catch (const Error& error) {
    if (error.http_status() != unprocessable) {
      throw;
    }
    return true;
  }
}

}  // namespace

void clear_old_jobs(kube::Client& client, const ObservedStage& stage, const Clock& clock,
                    const StopRequest& stop) {
  std::vector<kube::Ref> deleted;
  for (std::size_t index = 0; index < stage.set.objects().size(); ++index) {
    const json& job = stage.set.objects()[index];
    const std::optional<json>& live = stage.state.live.at(index);
    if (kube::text_at(job, "/kind") != "Job" || !live) {
      continue;
    }
    if (kube::readiness(*live).state == kube::ReadyState::failed || is_another_run(client, job)) {
      const kube::Ref ref = kube::ref_of(job);
      kube::DeleteOptions options;
      options.uid = kube::text_at(*live, "/metadata/uid");
      client.remove(ref, options);
      deleted.push_back(ref);
    }
  }
  kube::wait_gone(client, deleted, gone_timeout, clock, stop);
}

void retry_failed_rollouts(kube::Client& client, const ObservedStage& stage,
                           const std::vector<kube::Applied>& applied, Log& log,
                           cli::Result& result) {
  for (std::size_t index = 0; index < applied.size(); ++index) {
    const json& live = applied[index].object;
    if (kube::text_at(live, "/kind") != "DeploymentConfig" || applied[index].changed ||
        kube::readiness(live).state != kube::ReadyState::failed) {
      continue;
    }
    const kube::Ref ref = kube::ref_of(stage.set.objects()[index]);
    const std::string version = std::to_string(kube::integer_at(live, "/status/latestVersion"));
    log.info("rolling {} out again: version {} had failed", ref.text(), version);
    client.patch(
        ref,
        {{"spec",
          {{"template",
            {{"metadata", {{"annotations", {{"crossover.dev/retried-version", version}}}}}}}}}});
    result.add_change(ref.text(), "rolled out again", "version " + version + " had failed");
  }
}

}  // namespace crossover::db_provision
