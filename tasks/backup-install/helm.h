#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "config/backup.h"

namespace crossover::backup_install {

/// One revision of a release, as `helm history` lists it.
struct Revision {
  int number = 0;
  std::string status;  ///< deployed, superseded, failed, pending-install, ...
  std::string chart;   ///< "backup-storage-0.1.0"
};

/// What the task needs of Helm. Objects are those of a manifest, hooks left out.
/// Errors: Error{failure} `unable to run 'helm': exit code 1: LAST LINES`; a missing program is
/// Error{precondition} with a hint.
class Helm {
 public:
  virtual ~Helm() = default;
  /// Oldest first; empty when there is no such release.
  virtual std::vector<Revision> history(const std::string& release) = 0;
  /// Of the newest revision.
  virtual std::vector<nlohmann::json> manifest(const std::string& release) = 0;
  /// What an install or upgrade would apply.
  virtual std::vector<nlohmann::json> rendered(const config::Backup& backup) = 0;
  /// Installs or upgrades, without waiting for pods. Returns the revision.
  virtual int upgrade(const config::Backup& backup) = 0;
  virtual void rollback(const std::string& release, int revision) = 0;
  /// Waits until the objects are gone. False when there was no such release.
  virtual bool uninstall(const std::string& release) = 0;
};

struct HelmOptions {
  std::string program = "helm";
  std::string kubeconfig;  ///< empty: as helm finds it (KUBECONFIG, ~/.kube/config, in a pod)
  std::string context;
  std::string ns;
  /// Helm's post-renderer: this program with these arguments; empty: none.
  std::vector<std::string> post_renderer;
  Duration timeout = std::chrono::minutes(10);
};

/// The program itself, called by argument vector; nothing secret is in its arguments. `stop` must
/// outlive it.
std::unique_ptr<Helm> make_helm(HelmOptions options, const StopRequest& stop);

/// Arguments for chart, version, repository and files of values, for any helm command that renders.
/// Single values are not among them: everybody could read them in `ps`. Pure.
std::vector<std::string> chart_arguments(const config::Backup& backup);

/// A manifest as it is to be installed: every PersistentVolumeClaim bears helm.sh/resource-policy:
/// keep, so that no `helm uninstall`, ours or a person's, deletes the backups. Pure.
std::vector<nlohmann::json> with_kept_volumes(std::vector<nlohmann::json> manifest);

/// What has to be done with a release before it can be upgraded.
enum class Repair {
  none,
  uninstall,  ///< no revision ever was deployed: Helm would refuse to upgrade
  rollback    ///< an operation was cut off: back to the revision that was deployed before
};
struct Recovery {
  Repair repair = Repair::none;
  int revision = 0;  ///< to roll back to
};
/// Pure.
Recovery recovery(const std::vector<Revision>& history);

}  // namespace crossover::backup_install
