#include "backup-install/release.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/stop_point.h"
#include "kube/wait_ready.h"

namespace crossover::backup_install {

namespace {

using nlohmann::json;

void repair(cli::TaskContext& context, Helm& helm, const config::Backup& backup,
            const std::vector<Revision>& history) {
  const Recovery found = recovery(history);
  if (found.repair == Repair::uninstall) {
    context.log().warning("release '{}' is {} and never ran: it is taken away first",
                          backup.release, history.back().status);
    helm.uninstall(backup.release);
  } else if (found.repair == Repair::rollback) {
    context.log().warning("release '{}' is {}: it is rolled back to revision {} first",
                          backup.release, history.back().status, found.revision);
    helm.rollback(backup.release, found.revision);
  }
}

/// The revision that ran before, 0: none.
int previous(const std::vector<Revision>& history) {
  for (auto revision = history.rbegin(); revision != history.rend(); ++revision) {
    if (revision->status == "deployed") {
      return revision->number;
    }
  }
  return recovery(history).revision;
}

void take_back(cli::TaskContext& context, Helm& helm, const config::Backup& backup, int revision) {
  try {
    if (revision == 0) {
      helm.uninstall(backup.release);
    } else {
      helm.rollback(backup.release, revision);
    }
    context.log().warning("release '{}' did not come up and was taken back", backup.release);
  } catch (const Error& error) {
    context.log().warning("release '{}' did not come up and was not taken back: {}", backup.release,
                          error.text());
  }
}

}  // namespace

std::unique_ptr<Helm> connect_helm(const cli::TaskContext& context, kube::Client& client) {
  HelmOptions options;
  options.program = context.options().text("helm");
  options.kubeconfig = context.kubeconfig();
  options.context = context.kube_context();
  options.ns = client.own_namespace();
  options.post_renderer = {std::filesystem::read_symlink("/proc/self/exe").string(), "status",
                           "--post-render", "--output=json", "--log-level=error"};
  return make_helm(std::move(options), context.stop());
}

ObservedRelease observe_release(Helm& helm, const config::Backup& backup) {
  ObservedRelease release;
  release.history = helm.history(backup.release);
  release.wanted = helm.rendered(backup);
  if (!release.history.empty()) {
    release.present = helm.manifest(backup.release);
  }
  return release;
}

void bring_up(cli::TaskContext& context, kube::Client& client, Helm& helm,
              const config::Backup& backup, const ObservedRelease& release) {
  const bool upgrading = !release.up_to_date();
  if (upgrading) {
    repair(context, helm, backup, release.history);
    const bool fresh =
        recovery(release.history).repair == Repair::uninstall || release.history.empty();
    const int revision = helm.upgrade(backup);
    stop_point("backup-upgraded");
    context.result().add_change("release/" + backup.release, fresh ? "installed" : "upgraded",
                                fmt::format("revision {}", revision));
  }
  std::vector<json> objects = release.wanted;
  for (json& object : objects) {
    if (kube::text_at(object, "/metadata/namespace").empty()) {
      object["metadata"]["namespace"] = client.own_namespace();
    }
  }
  try {
    kube::wait_ready(client, objects, context.timeout(backup.timeout), context.clock(),
                     context.log(), context.stop());
  } catch (const Error& error) {
    // Asked to stop, the release goes on coming up: the next run waits for it.
    if (upgrading && error.kind() != ErrorKind::cancelled) {
      take_back(context, helm, backup, previous(release.history));
    }
    throw;
  }
}

}  // namespace crossover::backup_install
