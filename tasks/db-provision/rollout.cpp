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
constexpr auto attempt_timeout = std::chrono::minutes(2);
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

/// A Job one of whose pods has failed ends an `apply` at once, long before the Job gives up itself.
/// Its next attempt is left to end, since a migration must not be cut off in the middle; what has
/// not succeeded by then is begun anew, for the failed pod would speak against it for ever.
bool has_failed_for_good(kube::Client& client, const json& live, const StopRequest& stop) {
  if (!has_failed_attempt(live)) {
    return false;
  }
  const json now = kube::wait_until(
      client, kube::ref_of(live), "at rest",
      [](const json& job) { return job.is_null() || kube::integer_at(job, "/status/active") == 0; },
      attempt_timeout, stop);
  return !now.is_null() && has_failed_attempt(now);
}

}  // namespace

bool has_failed_attempt(const json& job) {
  return kube::integer_at(job, "/status/failed") > 0 &&
         kube::readiness(job).state != kube::ReadyState::ready;
}

void clear_old_jobs(kube::Client& client, const ObservedStage& stage, const Clock& clock,
                    const StopRequest& stop) {
  std::vector<kube::Ref> deleted;
  for (std::size_t index = 0; index < stage.set.objects().size(); ++index) {
    const json& job = stage.set.objects()[index];
    const std::optional<json>& live = stage.state.live.at(index);
    if (kube::text_at(job, "/kind") != "Job" || !live) {
      continue;
    }
    if (kube::readiness(*live).state == kube::ReadyState::failed ||
        has_failed_for_good(client, *live, stop) || is_another_run(client, job)) {
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
