#pragma once

#include <string>
#include <string_view>

#include "cli/options.h"

namespace crossover::cli {

/// Throws Error{usage} `unable to use '--timeout': it must be a duration such as 500ms, 2s or 10m,
/// not 'x'` when `text` is no value of the option. `origin`: the flag or variable, for the text.
void check_value(const OptionSpec& spec, std::string_view origin, const std::string& text);

}  // namespace crossover::cli
