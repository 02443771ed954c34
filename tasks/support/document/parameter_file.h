#pragma once

#include <map>
#include <string>
#include <string_view>

namespace crossover::document {

/// Whether `name` may stand before the `=` of a parameter: letters, digits, `_`, `-` and `.`, no
/// digit first, and none of the names that mean folders (Kubernetes' IsEnvVarName).
bool is_parameter_name(std::string_view name);

/// KEY=VALUE lines in the dialect of `oc process --param-file` (an old godotenv): `KEY: VALUE` and
/// `export KEY=VALUE` too, comments, values in quotes of either kind with `\n`, `\r` and `\x` for
/// x. Of equal keys the last wins. Error (usage) naming file and line.
std::map<std::string, std::string> parse_parameter_file(std::string_view text,
                                                        const std::string& name);

}  // namespace crossover::document
