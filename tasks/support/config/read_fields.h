#pragma once

#include <vector>

#include "config/migration.h"
#include "document/strict_yaml.h"

namespace crossover::config {

/// Reads the keys of a file into `migration`; overrides win. Errors are of kind usage with file and
/// line.
void read_fields(const document::Reader& root, const std::vector<Override>& overrides,
                 Migration& migration);

}  // namespace crossover::config
