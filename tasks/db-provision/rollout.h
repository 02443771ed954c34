#pragma once

#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "cli/result.h"
#include "db-provision/plan.h"
#include "kube/client.h"

namespace crossover::db_provision {

/// Whether a pod of a Job has failed and the Job has not succeeded since. Pure.
bool has_failed_attempt(const nlohmann::json& job);

/// Deletes Jobs of the stage that have failed or are between two attempts, or whose template the
/// stage has changed: a Job runs once and its template can't be changed. One that succeeded and is
/// the same stays.
void clear_old_jobs(kube::Client& client, const ObservedStage& stage, const Clock& clock,
                    const StopRequest& stop);

/// Starts the rollout of a DeploymentConfig again that has failed and that applying did not change:
/// without a change OpenShift would not try again (as `oc rollout latest`; here by an annotation of
/// the template). `applied` is in the order of the stage's objects.
void retry_failed_rollouts(kube::Client& client, const ObservedStage& stage,
                           const std::vector<kube::Applied>& applied, Log& log,
                           cli::Result& result);

}  // namespace crossover::db_provision
