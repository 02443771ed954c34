#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "cli/plan.h"
#include "cli/result.h"
#include "kube/client.h"

namespace crossover::resources {

/// The label by which an object is known to belong to a set: "MIGRATION.SET". It is how `remove`
/// and prune find what was applied before, whatever the template says by now (the way of kubectl's
/// ApplySet, KEP-3659). It is not the temporary label: objects of home bear it too.
inline constexpr std::string_view set_label = "crossover.dev/set";

/// Objects that one task applies and removes together.
class ObjectSet {
 public:
  /// `migration`: config's name; `name`: "network", "network-home", "backup-rbac", ... Adds the set
  /// label to every object. Throws Error{usage} when an object is there twice, or when the label's
  /// value would be longer than the 63 characters that Kubernetes allows.
  ObjectSet(const std::string& migration, const std::string& name,
            std::vector<nlohmann::json> objects);

  const std::vector<nlohmann::json>& objects() const { return objects_; }
  /// "crossover.dev/set=registry.network".
  const std::string& selector() const { return selector_; }
  /// Namespaces of the objects, each once.
  std::vector<std::string> namespaces() const;

 private:
  std::vector<nlohmann::json> objects_;
  std::string selector_;
};

/// What is there of a set.
struct SetState {
  std::vector<std::optional<nlohmann::json>> live;  ///< as objects()
  /// Bear the set's label and are not in the set any more, in the order in which they may go.
  std::vector<nlohmann::json> stale;
};

/// Reads both. `more_namespaces`: looked into for stale objects besides the set's own. Throws
/// Error{precondition} for a kind that the server lacks, and `unable to change 'route/web': it is
/// owned by Argo CD application 'x'` for an object that a GitOps controller keeps.
SetState observe(kube::Client& client, const ObjectSet& set,
                 const std::vector<std::string>& more_namespaces, Log& log);

/// A step "apply" for each object of the set, and a step "delete" for each stale one. What is
/// secret in a payload is left out (kube Secrets: only the names of the keys), of the hash too. The
/// hash is printed: whoever reads it could try passwords against it, and a value that a template
/// generates would be another one in the run that was approved.
void add_steps(cli::Plan& plan, const ObjectSet& set, const SetState& state);

struct ApplyLimits {
  Duration delete_timeout = std::chrono::minutes(2);
  bool force = false;  ///< takes fields from other managers
};

/// Applies all (server-side, adopting what `oc apply` owns), then deletes the stale ones, and tells
/// each change to `result`. Returns the outcomes in the order of objects().
std::vector<kube::Applied> apply(kube::Client& client, const ObjectSet& set, const SetState& state,
                                 const ApplyLimits& limits, const Clock& clock, Log& log,
                                 const StopRequest& stop, cli::Result& result);

/// Everything that bears the label of the set, whatever the configuration says now.
std::vector<nlohmann::json> members(kube::Client& client, const std::string& migration,
                                    const std::string& set,
                                    const std::vector<std::string>& namespaces, Log& log);

/// A step "delete" for each object. Throws as `observe` for objects of a GitOps controller.
void add_delete_steps(cli::Plan& plan, const std::vector<nlohmann::json>& objects);

/// Deletes them, waits until they are gone, and tells each to `result`.
void remove(kube::Client& client, const std::vector<nlohmann::json>& objects, Duration timeout,
            const Clock& clock, Log& log, const StopRequest& stop, cli::Result& result);

/// An object without what must not be printed: the values of a Secret's data. Pure.
nlohmann::json presentable(nlohmann::json object);

}  // namespace crossover::resources
