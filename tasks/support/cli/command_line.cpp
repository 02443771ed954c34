#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cli/option_value.h"
#include "cli/standard_options.h"
#include "document/nearest.h"

namespace crossover::cli {
namespace {

Error usage(const std::string& task, std::string_view cause, std::string hint) {
  return Error(ErrorKind::usage, fmt::format("unable to run '{}': {}", task, cause),
               std::move(hint));
}

std::vector<std::string> verb_names(const TaskSpec& spec) {
  std::vector<std::string> names;
  for (const VerbSpec& verb : spec.verbs) {
    names.push_back(verb.name);
  }
  return names;
}

/// "--dry-run" of "--dry-run=x".
std::string without_value(const std::string& token) { return token.substr(0, token.find('=')); }

/// Before anything that came with them is repeated in a message: what follows may be the secret.
void refuse_secrets(const CommandLine& line, const TaskSpec& spec,
                    const std::vector<OptionSpec>& options) {
  for (const std::string& token : line.unknown) {
    const std::string option = without_value(token);
    for (const OptionSpec& each : options) {
      if (each.secret && "--" + each.name == option) {
        throw usage(spec.name,
                    fmt::format("option '{}' is secret and not for the command line", option),
                    fmt::format("set {} in the environment", each.environment_name()));
      }
    }
  }
}

void refuse_unknown(const CommandLine& line, const TaskSpec& spec,
                    const std::vector<OptionSpec>& options) {
  if (line.unknown.empty()) {
    return;
  }
  const std::string option = without_value(line.unknown.front());
  std::vector<std::string> names;
  for (const OptionSpec& each : options) {
    if (!each.secret) {
      names.push_back("--" + each.name);
    }
  }
  const auto near = document::nearest(option, names);
  throw usage(
      spec.name, fmt::format("unknown option '{}'", option),
      near ? fmt::format("did you mean '{}'?", *near) : fmt::format("see '{} --help'", spec.name));
}

const VerbSpec* verb_of(const CommandLine& line, const TaskSpec& spec) {
  if (line.arguments.empty()) {
    return nullptr;
  }
  const std::string& name = line.arguments.front();
  const VerbSpec* verb = spec.find_verb(name);
  if (verb == nullptr) {
    throw usage(spec.name, fmt::format("unknown verb '{}'", name),
                document::did_you_mean(name, verb_names(spec)));
  }
  return verb;
}

void check_options(const CommandLine& line, const TaskSpec& spec,
                   const std::vector<OptionSpec>& options, const VerbSpec* verb) {
  for (const OptionSpec& option : options) {
    const auto given = line.values.find(option.name);
    if (given == line.values.end()) {
      continue;
    }
    if (verb != nullptr && !goes_with(option, verb->name)) {
      throw usage(spec.name,
                  fmt::format("option '--{}' does not go with '{}'", option.name, verb->name),
                  fmt::format("it goes with: {}", fmt::join(option.verbs, ", ")));
    }
    for (const std::string& value : given->second) {
      check_value(option, "--" + option.name, value);
    }
  }
}

}  // namespace

const VerbSpec* check_command_line(const CommandLine& line, const TaskSpec& spec,
                                   const std::vector<OptionSpec>& options) {
  refuse_secrets(line, spec, options);
  // The verb first: an option that is unknown may only be one of a verb that was misspelt.
  const VerbSpec* verb = verb_of(line, spec);
  refuse_unknown(line, spec, options);
  // After that: what follows an unknown option may be its value.
  if (line.arguments.size() > 1) {
    throw usage(spec.name, fmt::format("unexpected argument '{}'", line.arguments[1]),
                fmt::format("see '{} {} --help'", spec.name, verb->name));
  }
  check_options(line, spec, options, verb);
  const auto asked_for = [&](const char* option) { return line.values.contains(option); };
  if (verb == nullptr && !asked_for("help") && !asked_for("version") &&
      !asked_for("print-config") && !asked_for("describe")) {
    throw usage(
        spec.name, "a verb is missing",
        fmt::format("verbs: {}; see '{} --help'", fmt::join(verb_names(spec), ", "), spec.name));
  }
  return verb;
}

const VerbSpec* TaskSpec::find_verb(std::string_view verb) const {
  const auto found = std::ranges::find(verbs, verb, &VerbSpec::name);
  return found == verbs.end() ? nullptr : &*found;
}

}  // namespace crossover::cli
