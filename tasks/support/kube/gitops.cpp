#include "kube/gitops.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kube/object.h"

namespace crossover::kube {

std::optional<GitopsOwner> gitops_owner(const nlohmann::json& object) {
  if (std::string name = label(object, "argocd.argoproj.io/instance"); !name.empty()) {
    return GitopsOwner{"Argo CD", name};
  }
  if (std::string name = annotation(object, "argocd.argoproj.io/instance"); !name.empty()) {
    return GitopsOwner{"Argo CD", name};
  }
  // "APPLICATION:GROUP/KIND:NAMESPACE/NAME"; a copy of an annotation on a child names the parent.
  if (const std::string id = annotation(object, "argocd.argoproj.io/tracking-id"); !id.empty()) {
    return GitopsOwner{"Argo CD", id.substr(0, id.find(':'))};
  }
  if (std::string name = label(object, "kustomize.toolkit.fluxcd.io/name"); !name.empty()) {
    return GitopsOwner{"Flux", name};
  }
  if (std::string name = label(object, "helm.toolkit.fluxcd.io/name"); !name.empty()) {
    return GitopsOwner{"Flux", name};
  }
  return std::nullopt;
}

void refuse_gitops_owned(const nlohmann::json& object) {
  const std::optional<GitopsOwner> owner = gitops_owner(object);
  if (owner) {
    const bool argo = owner->controller == "Argo CD";
    throw Error(
        ErrorKind::precondition,
        fmt::format("unable to change '{}': it is owned by {} {} '{}'", ref_of(object).text(),
                    owner->controller, argo ? "application" : "object", owner->application),
        fmt::format("{} would put it back: suspend it for the migration, or let it ignore "
                    "this object, then run again",
                    owner->controller));
  }
}

}  // namespace crossover::kube
