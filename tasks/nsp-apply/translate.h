#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace crossover::nsp_apply {

inline constexpr const char* legacy_group = "security.devops.gov.bc.ca/v1alpha1";

/// Whether an object is a NetworkSecurityPolicy or an ExternalNetwork of that group.
bool is_legacy(const nlohmann::json& object);

/// NetworkPolicies that allow what the legacy rules among `objects` allow; every other object stays
/// as it is and where it is. Pure.
///
/// A rule's `source` and `destination` are lists of lists of tags: the outer list is "or", the
/// inner one "and". Understood are `KEY=VALUE` (a pod's label), `KEY=*`, `$namespace=NAME`,
/// `$namespace=*`, `ext:network=any`, and `ext:network=NAME` or `ext:name=NAME` for an
/// ExternalNetwork among `objects`. For each entry of `destination` that means pods there is one
/// policy in their namespace (its name is the rule's, from the second on with a number) whose only
/// ingress rule is from all sources, on every port: the legacy rules know none. NetworkPolicy
/// leaves traffic to the outside open unless an egress policy says otherwise, so a destination
/// outside makes no object. Throws Error{precondition} `unable to translate
/// 'networksecuritypolicy/x': ...` for a tag that has no counterpart, such as a service account,
/// and for a rule without source or destination.
std::vector<nlohmann::json> translate(const std::vector<nlohmann::json>& objects);

}  // namespace crossover::nsp_apply
