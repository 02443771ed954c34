#include "backup-install/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "backup-install/check.h"
#include "backup-install/plan.h"
#include "backup-install/release.h"
#include "base/error.h"
#include "document/yaml.h"
#include "kube/gitops.h"
#include "kube/readiness.h"
#include "resources/load.h"
#include "resources/object_set.h"
#include "resources/render.h"
#include "resources/step.h"

namespace crossover::backup_install {

namespace {

using nlohmann::json;

constexpr const char* network_set = "backup-network";
constexpr const char* rbac_set = "backup-rbac";

/// With the chart's path as it can be opened from here: a folder or archive beside the
/// configuration, where there is one of that name.
config::Backup backup_of(const cli::TaskContext& context) {
  config::Backup backup = context.config().require(context.config().backup, "backup");
  if (backup.repository.empty() && !backup.chart.starts_with("oci://")) {
    const std::filesystem::path beside =
        std::filesystem::path(context.config().file).parent_path() / backup.chart;
    std::error_code error;
    if (std::filesystem::exists(beside, error)) {
      backup.chart = std::filesystem::absolute(beside).string();
    }
  }
  return backup;
}

std::string rbac_namespace(const config::Backup& backup, const std::string& otherwise) {
  return backup.rbac_namespace.empty() ? otherwise : backup.rbac_namespace;
}

/// Where rules and rights may be.
std::vector<std::string> namespaces(const config::Backup& backup, kube::Client& client) {
  std::set<std::string> names = {client.own_namespace(),
                                 rbac_namespace(backup, client.own_namespace())};
  for (const auto* sources : {&backup.network, &backup.rbac, &backup.restore_rbac}) {
    for (const config::Source& source : *sources) {
      names.insert(source.namespace_name);
    }
  }
  names.erase("");
  return {names.begin(), names.end()};
}

void render(cli::TaskContext& context) {
  if (resources::renders_template(context)) {
    resources::render_template(context);
    return;
  }
  const config::Backup backup = backup_of(context);
  const std::string ns = context.namespace_name();
  std::vector<json> objects = resources::load_all(backup.network, {.ns = ns});
  std::ranges::move(resources::load_all(backup.rbac, {.ns = rbac_namespace(backup, ns)}),
                    std::back_inserter(objects));
  resources::render_objects(context, objects);
}

ObservedSet observe_set(cli::TaskContext& context, kube::Client& client, const char* name,
                        const std::vector<config::Source>& sources, const std::string& ns) {
  resources::ObjectSet set(context.config().name, name,
                           resources::load_all(sources, {.ns = ns, .client = &client}));
  resources::SetState state =
      resources::observe(client, set, namespaces(backup_of(context), client), context.log());
  return {std::move(set), std::move(state)};
}

void refuse_gitops_owned(kube::Client& client, const std::vector<json>& manifest) {
  std::vector<kube::Ref> refs;
  for (const json& object : manifest) {
    refs.push_back(kube::ref_of(object));
  }
  for (const std::optional<json>& live : client.find_all(refs)) {
    if (live) {
      kube::refuse_gitops_owned(*live);
    }
  }
}

void apply_set(cli::TaskContext& context, kube::Client& client, const ObservedSet& observed) {
  resources::apply(client, observed.set, observed.state, {}, context.clock(), context.log(),
                   context.stop(), context.result());
}

void apply(cli::TaskContext& context) {
  if (resources::renders_template(context) || resources::renders(context)) {
    render(context);
    return;
  }
  const config::Backup backup = backup_of(context);
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  const std::unique_ptr<Helm> helm = connect_helm(context, *client);
  const std::string ns = client->own_namespace();
  std::optional<ObservedSet> network;
  std::optional<ObservedSet> rbac;
  ObservedRelease release;
  resources::run_step(
      context, *client,
      [&] {
        network = observe_set(context, *client, network_set, backup.network, ns);
        rbac = observe_set(context, *client, rbac_set, backup.rbac, rbac_namespace(backup, ns));
        release = observe_release(*helm, backup);
        refuse_gitops_owned(*client, release.wanted);
        return plan_apply(backup, *network, *rbac, release);
      },
      [&](const cli::Plan& /*plan*/) {
        apply_set(context, *client, *network);
        apply_set(context, *client, *rbac);
        context.phase("backup", [&] { bring_up(context, *client, *helm, backup, release); });
      });
}

/// Live claims of the release.
std::vector<json> claims_of(kube::Client& client, const std::vector<json>& manifest) {
  std::vector<json> claims;
  for (const json& object : manifest) {
    if (kube::text_at(object, "/kind") == "PersistentVolumeClaim") {
      if (std::optional<json> live = client.find(kube::ref_of(object))) {
        claims.push_back(std::move(*live));
      }
    }
  }
  return claims;
}

/// What is taken away, less what the rights of before contain: that is applied instead.
Removal observe_removal(cli::TaskContext& context, kube::Client& client, Helm& helm) {
  const config::Backup backup = backup_of(context);
  Removal removal;
  removal.release = !helm.history(backup.release).empty();
  if (removal.release) {
    const std::vector<json> manifest = helm.manifest(backup.release);
    const std::vector<std::string> at_risk = claims_at_risk(manifest);
    if (context.options().flag("delete-volumes")) {
      removal.claims = claims_of(client, manifest);
    } else if (!at_risk.empty()) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to uninstall 'release/{}': it would delete "
                              "'persistentvolumeclaim/{}' with the backups",
                              backup.release, at_risk.front()),
                  "run again with --delete-volumes once a backup of home is verified, or run "
                  "'backup-install apply' first: it marks volume claims to be kept");
    }
  }
  removal.rights = resources::load_all(
      backup.restore_rbac,
      {.ns = rbac_namespace(backup, client.own_namespace()), .client = &client});
  std::set<std::string> kept;
  for (const json& object : removal.rights) {
    kept.insert(kube::ref_of(object).text() + "@" + kube::ref_of(object).ns);
  }
  for (const char* set : {network_set, rbac_set}) {
    for (json& object : resources::members(client, context.config().name, set,
                                           namespaces(backup, client), context.log())) {
      if (!kept.contains(kube::ref_of(object).text() + "@" + kube::ref_of(object).ns)) {
        removal.rules.push_back(std::move(object));
      }
    }
  }
  return removal;
}

void remove(cli::TaskContext& context) {
  const config::Backup backup = backup_of(context);
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  const std::unique_ptr<Helm> helm = connect_helm(context, *client);
  Removal removal;
  resources::run_step(
      context, *client,
      [&] {
        removal = observe_removal(context, *client, *helm);
        return plan_remove(backup, removal);
      },
      [&](const cli::Plan& /*plan*/) {
        const Duration timeout = context.timeout(backup.timeout);
        if (removal.release && helm->uninstall(backup.release)) {
          context.result().add_change("release/" + backup.release, "uninstalled");
        }
        for (const std::vector<json>* objects : {&removal.claims, &removal.rules}) {
          resources::remove(*client, *objects, timeout, context.clock(), context.log(),
                            context.stop(), context.result());
        }
        const std::vector<kube::Applied> outcomes = client->apply_all(removal.rights, {});
        for (std::size_t index = 0; index < outcomes.size(); ++index) {
          if (outcomes[index].changed) {
            context.result().add_change(kube::ref_of(removal.rights[index]).text(),
                                        outcomes[index].created ? "created" : "restored");
          }
        }
      });
}

void status(cli::TaskContext& context) {
  const config::Backup backup = backup_of(context);
  const std::unique_ptr<kube::Client> client = resources::connect(context);
  const std::unique_ptr<Helm> helm = connect_helm(context, *client);
  const std::vector<Revision> history = helm->history(backup.release);
  if (history.empty()) {
    context.result().add_check("release/" + backup.release, cli::CheckOutcome::skip,
                               "is not installed");
    return;
  }
  const Revision& newest = history.back();
  context.result().set_report("release", {{"name", backup.release},
                                          {"revision", newest.number},
                                          {"status", newest.status},
                                          {"chart", newest.chart}});
  context.result().add_check(
      "release/" + backup.release,
      newest.status == "deployed" ? cli::CheckOutcome::pass : cli::CheckOutcome::fail,
      fmt::format("revision {} of {} is {}", newest.number, newest.chart, newest.status));
  for (const json& object : helm->manifest(backup.release)) {
    const kube::Ref ref = kube::ref_of(object);
    const std::optional<json> live = client->find(ref);
    const kube::Readiness ready = kube::readiness(live ? *live : json());
    // A claim may wait for its first pod, so what is on its way is no failure yet.
    context.result().add_check(ref.text(),
                               ready.state == kube::ReadyState::ready    ? cli::CheckOutcome::pass
                               : ready.state == kube::ReadyState::failed ? cli::CheckOutcome::fail
                                                                         : cli::CheckOutcome::warn,
                               ready.reason.empty() ? "ready" : ready.reason);
  }
}

/// What Helm runs: a manifest on stdin, the one to install on stdout.
void post_render(cli::TaskContext& context) {
  std::string text;
  for (const json& object : with_kept_volumes(document::load_stream_file("/dev/stdin"))) {
    text += "---\n" + object.dump() + "\n";
  }
  context.set_raw_output(text);
}

}  // namespace

void run(cli::TaskContext& context) {
  if (context.verb() == "apply") {
    apply(context);
  } else if (context.verb() == "remove") {
    remove(context);
  } else if (context.verb() == "status") {
    context.options().flag("post-render") ? post_render(context) : status(context);
  } else {
    check(context);
  }
}

}  // namespace crossover::backup_install
