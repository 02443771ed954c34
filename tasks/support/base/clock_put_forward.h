#pragma once

#include "base/clock.h"

namespace crossover {

#ifdef CROSSOVER_STOP_POINTS
/// In test builds: from now on all of this process's SystemClocks are ahead by so much more.
void put_clocks_forward(Duration time);
#endif

}  // namespace crossover
