#pragma once

#include <string>

namespace crossover::config {

/// The reference page of crossover.yaml: a table of keys for the file, and one for each named type.
std::string list_fields();

}  // namespace crossover::config
