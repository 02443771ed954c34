#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "backup-install/helm.h"
#include "backup-install/plan.h"
#include "cli/task.h"
#include "kube/client.h"

namespace crossover::backup_install {

/// Helm for the cluster, namespace and program that the run's options name.
std::unique_ptr<Helm> connect_helm(const cli::TaskContext& context, kube::Client& client);

/// Reads the release and renders what it should be.
ObservedRelease observe_release(Helm& helm, const config::Backup& backup);

/// Installs or upgrades where the release is not up to date (repairing one that was cut off), then
/// waits until what it made is ready. When that fails the revision is taken back, as `helm upgrade
/// --atomic` would, and the error names the cause.
void bring_up(cli::TaskContext& context, kube::Client& client, Helm& helm,
              const config::Backup& backup, const ObservedRelease& release);

}  // namespace crossover::backup_install
