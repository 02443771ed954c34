#pragma once

#include <string_view>

namespace crossover::document {

/// The API group into which OpenShift moves a kind that a template names in the group-less `v1`
/// ("Route" is of route.openshift.io); empty for a kind that stays where it is.
std::string_view legacy_group(std::string_view kind);

}  // namespace crossover::document
