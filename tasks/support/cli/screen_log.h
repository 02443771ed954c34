#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "cli/screen.h"

namespace crossover::cli {

/// A log on a screen. `level`: "debug", "info", "warning" or "error"; `colour`: with ANSI colours.
/// Lines begin with the time (UTC) and the level where the screen is no terminal, and are the bare
/// text (warnings marked) where somebody watches.
std::unique_ptr<Log> make_log(Screen& screen, const std::string& level, bool colour);

}  // namespace crossover::cli
