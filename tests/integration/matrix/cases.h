#pragma once

#include "integration/property/journey.h"

namespace crossover::test::matrix {

/// What every pair of versions goes through: all features that both have under a load that goes on
/// all the time, a copy, drains, a verification, the switch to the new database, home and to the
/// new one again. At each station the load gets through with every transaction, is acknowledged and
/// compared, row by row. What is drawn, values alone, depends on the versions only.
property::Case draw_case(int old_version, int new_version);

}  // namespace crossover::test::matrix
