#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/task_spec.h"

namespace crossover::cli {

/// The command line, taken apart but not yet judged.
struct CommandLine {
  std::vector<std::string> arguments;                      ///< that are no options: the verb
  std::map<std::string, std::vector<std::string>> values;  ///< by option, in the order given
  std::vector<std::string> unknown;                        ///< options that nobody declared
};

/// Long options as `--name value` and `--name=value`, short ones as `-n value`, `-nvalue` and
/// `-n=value`, short flags grouped, `--` before what is no option. Throws Error{usage} where an
/// option lacks its value.
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<OptionSpec>& options, const std::string& task);

/// The verb that a command line names, checked with its options: an unknown or missing verb, an
/// unknown option, an option of another verb or a value that is none is Error{usage} with the
/// nearest valid name. Returns null when no verb is needed (--help, --version, --print-config).
const VerbSpec* check_command_line(const CommandLine& line, const TaskSpec& spec,
                                   const std::vector<OptionSpec>& options);

}  // namespace crossover::cli
