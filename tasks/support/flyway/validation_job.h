#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace crossover::flyway {

/// A Job that runs `flyway validate` in the way in which one of `objects` runs `flyway migrate`:
/// image, environment, volumes and account of a DeploymentConfig's pre-hook, of an init container,
/// or of a Job's container, whichever comes first. `labels` go on the Job and its pod; the pod gets
/// none of the workload's own, or its Service would take it for one of the application's. A pod
/// that stands in for a hook bears `openshift.io/deployer-pod.type`, by which network rules know
/// Flyway. Throws Error{usage} when no object runs Flyway. Pure.
nlohmann::json validation_job(const std::vector<nlohmann::json>& objects, const std::string& name,
                              const std::string& ns,
                              const std::map<std::string, std::string>& labels);

}  // namespace crossover::flyway
