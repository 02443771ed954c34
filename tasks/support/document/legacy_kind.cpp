#include "document/legacy_kind.h"

#include <array>

namespace crossover::document {
namespace {

struct Group {
  std::string_view name;
  std::string_view kinds;       ///< with a list kind each
  std::string_view lone_kinds;  ///< without one
};

// The kinds of OpenShift's former /oapi endpoint, each between spaces.
constexpr std::array groups{
    Group{"apps.openshift.io", " DeploymentConfig ",
          " DeploymentConfigRollback DeploymentLog DeploymentRequest "},
    Group{"authorization.openshift.io",
          " ClusterRole ClusterRoleBinding Role RoleBinding RoleBindingRestriction ",
          " SubjectRulesReview SelfSubjectRulesReview ResourceAccessReview"
          " LocalResourceAccessReview SubjectAccessReview LocalSubjectAccessReview "},
    Group{"build.openshift.io", " Build BuildConfig ",
          " BinaryBuildRequestOptions BuildLog BuildRequest "},
    Group{"image.openshift.io", " Image ImageStream ImageStreamTag ",
          " ImageSignature ImageStreamImage ImageStreamImport ImageStreamMapping "},
    Group{"network.openshift.io", " ClusterNetwork EgressNetworkPolicy HostSubnet NetNamespace ",
          ""},
    Group{"oauth.openshift.io",
          " OAuthAccessToken OAuthAuthorizeToken OAuthClient OAuthClientAuthorization ", ""},
    Group{"project.openshift.io", " Project ", " ProjectRequest "},
    Group{"quota.openshift.io", " AppliedClusterResourceQuota ClusterResourceQuota ", ""},
    Group{"route.openshift.io", " Route ", ""},
    Group{"security.openshift.io", " SecurityContextConstraints ",
          " PodSecurityPolicyReview PodSecurityPolicySelfSubjectReview"
          " PodSecurityPolicySubjectReview "},
    Group{"template.openshift.io", " Template ", ""},
    Group{"user.openshift.io", " Group Identity User ", " UserIdentityMapping "},
};

bool holds(std::string_view names, std::string_view name) {
  std::size_t at = 0;
  while ((at = names.find(name, at)) != std::string_view::npos) {
    const std::size_t end = at + name.size();
    if (at > 0 && names[at - 1] == ' ' && end < names.size() && names[end] == ' ') return true;
    at = end;
  }
  return false;
}

}  // namespace

std::string_view legacy_group(std::string_view kind) {
  if (kind.empty() || kind.find(' ') != std::string_view::npos) return {};
  const std::string_view item =
      kind.ends_with("List") ? kind.substr(0, kind.size() - 4) : std::string_view();
  for (const Group& group : groups) {
    const bool is_list = !item.empty() && holds(group.kinds, item);
    if (is_list || holds(group.kinds, kind) || holds(group.lone_kinds, kind)) return group.name;
  }
  return {};
}

}  // namespace crossover::document
