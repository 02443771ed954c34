#pragma once

#include <string_view>

namespace crossover {

/// A named boundary between two steps. In test builds (CROSSOVER_STOP_POINTS) a process whose
/// environment variable CROSSOVER_STOP_AT is `NAME:kill` or `NAME:stop` sends itself SIGKILL or
/// SIGSTOP here; in every other build this is nothing. `NAME#3:kill` means the third time that it
/// comes by, `NAME:days` that three days pass there by its clock. Up to four, parted by commas.
/// `*:note` stops nowhere, but writes a line `stop point NAME` to stderr at each.
#ifdef CROSSOVER_STOP_POINTS
void stop_point(std::string_view name);
#else
inline void stop_point(std::string_view /*name*/) {}
#endif

}  // namespace crossover
