#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/options.h"
#include "cli/surroundings.h"
#include "config/migration.h"

namespace crossover::cli {

using OptionValues = std::map<std::string, Options::Value, std::less<>>;

/// The values that flags, environment and defaults give, in this order of precedence. Values in the
/// environment of options that do not go with the verb are left alone. Throws Error{usage}
/// `unable to use 'CROSSOVER_TIMEOUT': it must be ...`.
OptionValues layer(const CommandLine& line, const std::vector<OptionSpec>& options,
                   const std::string& verb, const Surroundings& surroundings);

/// What of them overrides keys of the configuration file.
std::vector<config::Override> overrides(const OptionValues& values,
                                        const std::vector<OptionSpec>& options);

/// Puts the effective values of the configuration into the options that stand for its keys.
void adopt(OptionValues& values, const std::vector<OptionSpec>& options,
           const config::Migration& migration);

}  // namespace crossover::cli
