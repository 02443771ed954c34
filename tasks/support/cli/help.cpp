#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/standard_options.h"

namespace crossover::cli {
namespace {

constexpr std::size_t page_width = 100;
constexpr std::size_t widest_head = 34;

/// Words in lines of at most `width` columns, the first after `indent` columns that are there.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::string page;
  std::size_t column = indent;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::size_t length = end - start;
    if (column + length > width && column > indent) {
      page += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      page += ' ';
      ++column;
    }
    page += text.substr(start, length);
    column += length;
    start = end + 1;
  }
  return page;
}

std::string entry(const std::string& head, const std::string& text, std::size_t width) {
  if (head.size() + 2 > width) {
    return fmt::format("  {}\n{:{}}{}\n", head, "", width + 4,
                       wrapped(text, width + 4, page_width));
  }
  return fmt::format("  {:{}}  {}\n", head, width, wrapped(text, width + 4, page_width));
}

std::string help_of(const OptionSpec& option, bool show_verbs) {
  std::string text = option.help;
  if (!option.values.empty()) {
    text += fmt::format(": {}", fmt::join(option.values, ", "));
  }
  if (!option.default_value.empty()) {
    text += fmt::format("; default: {}", option.default_value);
  }
  if (option.type == OptionType::list) {
    text += "; can be repeated";
  }
  if (show_verbs && !option.verbs.empty()) {
    text += fmt::format(" ({})", fmt::join(option.verbs, ", "));
  }
  return text;
}

std::string option_list(const std::vector<OptionSpec>& options, std::string_view verb,
                        std::string_view title) {
  std::string page;
  for (const OptionSpec& option : options) {
    if (!option.hidden && goes_with(option, verb)) {
      page += entry(usage_of(option), help_of(option, verb.empty()), widest_head);
    }
  }
  return page.empty() ? page : fmt::format("\n{}:\n{}", title, page);
}

}  // namespace

std::string usage_of(const OptionSpec& option) {
  if (option.secret) {
    return option.environment_name() + " (environment)";
  }
  std::string usage =
      option.short_name == '\0' ? std::string("    ") : fmt::format("-{}, ", option.short_name);
  usage += "--" + option.name;
  if (option.type != OptionType::flag) {
    usage += " " + (option.value_name.empty() ? std::string("VALUE") : option.value_name);
  }
  return usage;
}

std::string help(const TaskSpec& spec, const VerbSpec* verb) {
  std::string page;
  if (verb != nullptr) {
    page = fmt::format("{} {}: {}\n\nusage: {} {} [option]...\n", spec.name, verb->name,
                       verb->summary, spec.name, verb->name);
  } else {
    page = fmt::format("{}: {}\n\nusage: {} VERB [option]...\n\nverbs:\n", spec.name, spec.summary,
                       spec.name);
    for (const VerbSpec& each : spec.verbs) {
      page += entry(each.name, each.summary, 12);
    }
  }
  const std::string_view name = verb == nullptr ? std::string_view() : verb->name;
  page += option_list(spec.options, name, "options");
  page += option_list(standard_options(spec), name, "options of every task");
  if (verb == nullptr && !spec.examples.empty()) {
    page += "\nexamples:\n";
    for (const std::string& example : spec.examples) {
      page += fmt::format("  {}\n", example);
    }
  }
  page +=
      "\nEach option can also be set in the environment: --run-id as CROSSOVER_RUN_ID. Flags win "
      "over\nthe environment, that over crossover.yaml, that over the default.\n"
      "\nexit codes: 0 done, 1 failure, 2 usage or configuration, 3 precondition or drift, 4 "
      "mismatch in\ndata, 5 lock held, 6 timeout, 7 rolled back\n";
  return page;
}

}  // namespace crossover::cli
