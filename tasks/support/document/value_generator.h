#pragma once

#include <string>

#include "document/template.h"

namespace crossover::document {

/// Replaces each `[ranges]{N}` of `expression` by N random characters, as OpenShift's "expression"
/// generator does: `\w`, `\d`, `\a` (letters and digits), `\A` (symbols), ranges `a-z` whose last
/// character is left out (OpenShift's own quirk; what it makes is a part of what one expects).
/// Error (usage) with the cause alone for a malformed expression, N outside 1 to 255, a reversed or
/// empty range.
std::string generate_value(std::string expression, const RandomBelow& random_below);

}  // namespace crossover::document
