#include "cli/layers.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/option_value.h"
#include "cli/standard_options.h"

namespace crossover::cli {
namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    if (end > start) {
      parts.push_back(text.substr(start, end - start));
    }
    start = end + 1;
  }
  return parts;
}

Options::Value value_of(const CommandLine& line, const OptionSpec& option,
                        const Surroundings& surroundings) {
  Options::Value value;
  value.type = option.type;
  const auto flag = line.values.find(option.name);
  if (flag != line.values.end() && !flag->second.empty()) {
    value.origin = Origin::flag;
    value.texts = flag->second;
    return value;
  }
  if (const auto text = surroundings.variable(option.environment_name())) {
    value.origin = Origin::environment;
    if (option.secret) {
      value.secret = Secret(*text);
      return value;
    }
    check_value(option, option.environment_name(), *text);
    value.texts = option.type == OptionType::list ? lines(*text) : std::vector{*text};
    return value;
  }
  if (!option.default_value.empty()) {
    value.origin = Origin::built_in;
    value.texts = {option.default_value};
  }
  return value;
}

/// The value at "a.b.c", as text; nothing where there is none.
std::vector<std::string> texts_at(const nlohmann::ordered_json& root, const std::string& path) {
  const nlohmann::ordered_json* node = &root;
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const std::string key = path.substr(start, end - start);
    if (!node->is_object() || !node->contains(key)) {
      return {};
    }
    node = &(*node)[key];
    start = end + 1;
  }
  const auto text = [](const nlohmann::ordered_json& scalar) {
    return scalar.is_string() ? scalar.get<std::string>() : scalar.dump();
  };
  std::vector<std::string> texts;
  if (node->is_array()) {
    for (const auto& entry : *node) {
      texts.push_back(text(entry));
    }
  } else {
    texts.push_back(text(*node));
  }
  return texts;
}

}  // namespace

OptionValues layer(const CommandLine& line, const std::vector<OptionSpec>& options,
                   const std::string& verb, const Surroundings& surroundings) {
  OptionValues values;
  for (const OptionSpec& option : options) {
    if (goes_with(option, verb)) {
      values[option.name] = value_of(line, option, surroundings);
    } else {
      values[option.name].type = option.type;
    }
  }
  return values;
}

std::vector<config::Override> overrides(const OptionValues& values,
                                        const std::vector<OptionSpec>& options) {
  std::vector<config::Override> list;
  for (const OptionSpec& option : options) {
    const Options::Value& value = values.at(option.name);
    if (option.config_path.empty() || value.texts.empty()) {
      continue;
    }
    if (value.origin == Origin::flag || value.origin == Origin::environment) {
      list.push_back(
          {option.config_path, fmt::format("{}", fmt::join(value.texts, "\n")),
           value.origin == Origin::flag ? "--" + option.name : option.environment_name()});
    }
  }
  return list;
}

void adopt(OptionValues& values, const std::vector<OptionSpec>& options,
           const config::Migration& migration) {
  nlohmann::ordered_json effective;
  for (const OptionSpec& option : options) {
    Options::Value& value = values.at(option.name);
    const bool given = value.origin == Origin::flag || value.origin == Origin::environment;
    if (option.config_path.empty() || given) {
      continue;
    }
    if (effective.is_null()) {
      effective = config::to_json(migration);
    }
    std::vector<std::string> texts = texts_at(effective, option.config_path);
    if (!texts.empty()) {
      value.texts = std::move(texts);
      value.origin = Origin::file;
    }
  }
}

}  // namespace crossover::cli
