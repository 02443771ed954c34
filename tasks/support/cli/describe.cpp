#include "cli/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "cli/help.h"
#include "cli/standard_options.h"
#include "cli/version.h"
#include "config/migration.h"

namespace crossover::cli {
namespace {

using nlohmann::ordered_json;

std::string_view type_name(OptionType type) {
  switch (type) {
    case OptionType::flag:
      return "flag";
    case OptionType::integer:
      return "integer";
    case OptionType::duration:
      return "duration";
    case OptionType::bytes:
      return "bytes";
    case OptionType::enumeration:
      return "enum";
    case OptionType::list:
      return "list";
    case OptionType::string:
      break;
  }
  return "string";
}

std::vector<OptionSpec> shown_options(const TaskSpec& spec) {
  std::vector<OptionSpec> options = all_options(spec);
  std::erase_if(options, [](const OptionSpec& option) { return option.hidden; });
  return options;
}

/// Options that an engine may set: those about a terminal, and those that end the program at once,
/// are of no use there; secrets come from the engine's own secret store into the environment.
std::vector<OptionSpec> engine_options(const TaskSpec& spec) {
  std::vector<OptionSpec> options = shown_options(spec);
  std::erase_if(options, [](const OptionSpec& option) {
    return option.secret || option.name == "yes" || option.name == "output" ||
           option.name == "help" || option.name == "version" || option.name == "print-config";
  });
  return options;
}

std::string full_help(const OptionSpec& option) {
  std::string text = option.help;
  if (!option.values.empty()) {
    text += fmt::format(": {}", fmt::join(option.values, ", "));
  }
  if (option.type == OptionType::list) {
    text += "; one a line";
  }
  if (!option.verbs.empty()) {
    text += fmt::format(" ({})", fmt::join(option.verbs, ", "));
  }
  return text;
}

ordered_json json_of(const OptionSpec& option) {
  ordered_json entry{{"name", option.name}, {"type", type_name(option.type)}};
  if (option.short_name != '\0') {
    entry["short"] = std::string(1, option.short_name);
  }
  entry["environment"] = option.environment_name();
  if (!option.config_path.empty()) {
    entry["config"] = option.config_path;
  }
  if (!option.default_value.empty()) {
    entry["default"] = option.default_value;
  }
  if (!option.values.empty()) {
    entry["values"] = option.values;
  }
  if (!option.verbs.empty()) {
    entry["verbs"] = option.verbs;
  }
  if (option.secret) {
    entry["secret"] = true;
  }
  entry["help"] = option.help;
  return entry;
}

std::string as_json(const TaskSpec& spec) {
  ordered_json document{{"name", spec.name}, {"summary", spec.summary}};
  for (const VerbSpec& verb : spec.verbs) {
    document["verbs"].push_back(
        ordered_json{{"name", verb.name}, {"summary", verb.summary}, {"changes", verb.changes}});
  }
  for (const OptionSpec& option : shown_options(spec)) {
    document["options"].push_back(json_of(option));
  }
  document["examples"] = spec.examples;
  return document.dump(2) + "\n";
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

std::string as_markdown(const TaskSpec& spec) {
  std::string page = "| verb | what it does |\n|---|---|\n";
  for (const VerbSpec& verb : spec.verbs) {
    page += fmt::format("| `{}` | {} |\n", verb.name, cell(verb.summary));
  }
  page +=
      "\n| option | environment | crossover.yaml | default | meaning |\n|---|---|---|---|---|\n";
  const auto code = [](const std::string& text) {
    return text.empty() ? text : fmt::format("`{}`", text);
  };
  for (const OptionSpec& option : shown_options(spec)) {
    std::string usage = option.secret ? std::string() : usage_of(option);
    usage.erase(0, std::min(usage.find_first_not_of(' '), usage.size()));
    page +=
        fmt::format("| {} | `{}` | {} | {} | {} |\n", code(usage), option.environment_name(),
                    code(option.config_path), code(option.default_value), cell(full_help(option)));
  }
  return page;
}

/// Text that troff takes as it is.
std::string troff(const std::string& text) {
  std::string page;
  for (const char letter : text) {
    if (letter == '-') {
      page += "\\-";
    } else if (letter == '\\') {
      page += "\\e";
    } else if (page.empty() && (letter == '.' || letter == '\'')) {
      page += fmt::format("\\&{}", letter);
    } else {
      page += letter;
    }
  }
  return page;
}

std::string as_man(const TaskSpec& spec) {
  std::string title = spec.name;
  std::ranges::transform(title, title.begin(), [](unsigned char letter) {
    return static_cast<char>(std::toupper(letter));
  });
  std::string page = fmt::format(
      ".TH {} 1 \"\" \"crossover {}\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n.I VERB\n"
      "[option]...\n",
      troff(title), version().number, troff(spec.name), troff(spec.summary), troff(spec.name));
  if (!spec.description.empty()) {
    page += fmt::format(".SH DESCRIPTION\n{}\n", troff(spec.description));
  }
  page += ".SH VERBS\n";
  for (const VerbSpec& verb : spec.verbs) {
    page += fmt::format(".TP\n.B {}\n{}\n", troff(verb.name), troff(verb.summary));
  }
  page += ".SH OPTIONS\n";
  for (const OptionSpec& option : shown_options(spec)) {
    std::string usage = usage_of(option);
    usage.erase(0, std::min(usage.find_first_not_of(' '), usage.size()));
    page += fmt::format(".TP\n.B {}\n{}\n", troff(usage), troff(full_help(option)));
  }
  page +=
      ".SH ENVIRONMENT\nEach option can be set by CROSSOVER_ and its name in upper case, dashes "
      "as underscores.\n.SH EXIT STATUS\n0 done, 1 failure, 2 usage or configuration, 3 "
      "precondition or drift, 4 mismatch in data, 5 lock held, 6 timeout, 7 rolled back.\n"
      ".SH FILES\n.I crossover.yaml\n";
  if (!spec.examples.empty()) {
    page += ".SH EXAMPLES\n.nf\n";
    for (const std::string& example : spec.examples) {
      page += troff(example) + "\n";
    }
    page += ".fi\n";
  }
  return page;
}

std::string as_tekton(const TaskSpec& spec) {
  ordered_json params = ordered_json::array();
  params.push_back(
      ordered_json{{"name", "verb"}, {"type", "string"}, {"description", "what to do"}});
  for (const VerbSpec& verb : spec.verbs) {
    params.back()["enum"].push_back(verb.name);
  }
  for (const OptionSpec& option : engine_options(spec)) {
    params.push_back(ordered_json{{"name", option.name},
                                  {"type", "string"},
                                  {"description", full_help(option)},
                                  {"default", option.default_value}});
  }
  return params.dump(2) + "\n";
}

std::string as_action(const TaskSpec& spec) {
  ordered_json inputs;
  inputs["verb"] = {{"description", "what to do"}, {"required", true}};
  for (const OptionSpec& option : engine_options(spec)) {
    inputs[option.name] = ordered_json{
        {"description", full_help(option)}, {"required", false}, {"default", option.default_value}};
  }
  return inputs.dump(2) + "\n";
}

}  // namespace

std::string describe(const TaskSpec& spec, const std::string& form) {
  if (form == "markdown") {
    return as_markdown(spec);
  }
  if (form == "man") {
    return as_man(spec);
  }
  if (form == "tekton") {
    return as_tekton(spec);
  }
  if (form == "action") {
    return as_action(spec);
  }
  return form == "config" ? config::reference() : as_json(spec);
}

}  // namespace crossover::cli
