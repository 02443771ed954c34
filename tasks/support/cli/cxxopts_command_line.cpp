// A value may hold commas (`-p LIST=a,b`); cxxopts would cut it there.
#define CXXOPTS_VECTOR_DELIMITER '\0'
// Its other parser compiles five regular expressions at each start.
#define CXXOPTS_NO_REGEX
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cxxopts.hpp>

#include "base/error.h"
#include "cli/command_line.h"

namespace crossover::cli {
namespace {

constexpr const char* rest = "arguments";

const OptionSpec* find_short(const std::vector<OptionSpec>& options, char letter) {
  const auto found = std::ranges::find(options, letter, &OptionSpec::short_name);
  return found == options.end() ? nullptr : &*found;
}

bool takes_value(const std::vector<OptionSpec>& options, const std::string& token) {
  if (token.size() == 2 && token[0] == '-' && token[1] != '-') {
    const OptionSpec* option = find_short(options, token[1]);
    return option != nullptr && option->type != OptionType::flag;
  }
  return token.starts_with("--") && std::ranges::any_of(options, [&](const OptionSpec& option) {
           return token.substr(2) == option.name && option.type != OptionType::flag;
         });
}

/// cxxopts knows `-p K` but not `-pK=V` and `-p=K=V`, which users of `oc` write: takes them apart.
std::vector<std::string> split_short(const std::vector<std::string>& arguments,
                                     const std::vector<OptionSpec>& options) {
  std::vector<std::string> split;
  bool value_next = false;
  bool options_end = false;
  for (const std::string& token : arguments) {
    const bool attached = !value_next && !options_end && token.size() > 2 && token[0] == '-' &&
                          token[1] != '-' && takes_value(options, token.substr(0, 2));
    if (attached) {
      split.push_back(token.substr(0, 2));
      split.push_back(token.substr(token[2] == '=' ? 3 : 2));
      continue;
    }
    options_end = options_end || (!value_next && token == "--");
    value_next = !value_next && !options_end && takes_value(options, token);
    split.push_back(token);
  }
  return split;
}

cxxopts::Options declare(const std::vector<OptionSpec>& options, const std::string& task) {
  cxxopts::Options parser(task);
  parser.allow_unrecognised_options();
  auto add = parser.add_options();
  for (const OptionSpec& option : options) {
    if (option.secret) {
      continue;  // what is typed is seen in `ps`
    }
    auto value = cxxopts::value<std::string>();
    if (option.type == OptionType::flag) {
      value->implicit_value("true");
    }
    add(option.short_name == '\0' ? option.name
                                  : fmt::format("{},{}", option.short_name, option.name),
        "", value);
  }
  add(rest, "", cxxopts::value<std::vector<std::string>>());
  parser.parse_positional(rest);
  return parser;
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<OptionSpec>& options, const std::string& task) {
  const std::vector<std::string> tokens = split_short(arguments, options);
  std::vector<const char*> argv{task.c_str()};
  for (const std::string& token : tokens) {
    argv.push_back(token.c_str());
  }
  cxxopts::Options parser = declare(options, task);
  CommandLine line;
  try {
    const auto parsed = parser.parse(static_cast<int>(argv.size()), argv.data());
    for (const auto& entry : parsed.arguments()) {
      if (entry.key() == rest) {
        line.arguments.push_back(entry.value());
      } else {
        line.values[entry.key()].push_back(entry.value());
      }
    }
    line.unknown = parsed.unmatched();
  } catch (const cxxopts::exceptions::missing_argument&) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to run '{}': option '{}' needs a value", task, tokens.back()),
                fmt::format("see '{} --help'", task));
  } catch (const cxxopts::exceptions::exception& error) {
    throw Error(ErrorKind::usage, fmt::format("unable to run '{}': {}", task, error.what()),
                fmt::format("see '{} --help'", task));
  }
  return line;
}

}  // namespace crossover::cli
