#pragma once

#include <string>
#include <vector>

#include "integration/property/site.h"
#include "integration/property/writers.h"

namespace crossover::test::property {

/// What differs between the two databases, by plain SQL: every relation's rows as sorted text.
/// Empty when nothing does.
std::string compare_rows(Site& site);

/// Whether each side holds exactly what the writers were told; empty when it does.
std::string compare_acknowledged(Site& site, const std::vector<Acknowledged>& acknowledged);

/// Whether the sequences of `live` stand where they hand out nothing that those of the other side
/// have handed out; empty when they do.
std::string compare_sequences(Site& site, sync::Side live);

}  // namespace crossover::test::property
