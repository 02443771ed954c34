#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace crossover::kube {

/// A controller that keeps an object as a repository says, and would put it back.
struct GitopsOwner {
  std::string controller;   ///< "Argo CD", "Flux"
  std::string application;  ///< the Application, Kustomization or HelmRelease
};

/// By the labels and annotations that Argo CD (argocd.argoproj.io/instance, tracking-id) and Flux
/// (kustomize.toolkit.fluxcd.io/name, helm.toolkit.fluxcd.io/name) put on what they own.
std::optional<GitopsOwner> gitops_owner(const nlohmann::json& object);

/// Throws Error{precondition} `unable to change 'route/web': it is owned by Argo CD application
/// 'registry'` with a hint when somebody owns it so.
void refuse_gitops_owned(const nlohmann::json& object);

}  // namespace crossover::kube
