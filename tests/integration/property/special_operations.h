#pragma once

#include <optional>

#include "integration/property/workload.h"

namespace crossover::test::property {

/// A statement that only a part of all tables allows, or that is rare; nothing where this table is
/// not for the one that was drawn.
std::optional<Operation> draw_special(Random& random, const Schema& schema, const Table& table);

}  // namespace crossover::test::property
