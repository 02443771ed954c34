#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

#include "base/error.h"
#include "cli/option_value.h"
#include "document/nearest.h"
#include "document/strict_yaml.h"

namespace crossover::cli {
namespace {

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

[[noreturn]] void refuse(std::string_view origin, std::string_view wanted, const std::string& text,
                         std::string hint = {}) {
  throw Error(ErrorKind::usage,
              fmt::format("unable to use '{}': it must be {}, not '{}'", origin, wanted, text),
              std::move(hint));
}

}  // namespace

void check_value(const OptionSpec& spec, std::string_view origin, const std::string& text) {
  switch (spec.type) {
    case OptionType::flag:
      if (text != "true" && text != "false") {
        refuse(origin, "true or false", text);
      }
      break;
    case OptionType::integer:
      if (!parse_integer(text)) {
        refuse(origin, "a whole number", text);
      }
      break;
    case OptionType::duration:
      if (!document::parse_duration(text)) {
        refuse(origin, "a duration such as 500ms, 2s or 10m", text);
      }
      break;
    case OptionType::bytes:
      if (!document::parse_bytes(text)) {
        refuse(origin, "a size such as 4096, 64KiB or 1GiB", text);
      }
      break;
    case OptionType::enumeration:
      if (std::ranges::find(spec.values, text) == spec.values.end()) {
        refuse(origin, fmt::format("one of {}", fmt::join(spec.values, ", ")), text,
               document::did_you_mean(text, spec.values));
      }
      break;
    case OptionType::string:
    case OptionType::list:
      break;
  }
}

std::string OptionSpec::environment_name() const {
  if (!env.empty()) {
    return env;
  }
  std::string variable = "CROSSOVER_" + name;
  std::ranges::transform(variable, variable.begin(), [](unsigned char letter) {
    return letter == '-' ? '_' : static_cast<char>(std::toupper(letter));
  });
  return variable;
}

const Options::Value& Options::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    throw std::logic_error(fmt::format("option '{}' is not declared", name));
  }
  return found->second;
}

bool Options::flag(std::string_view name) const { return text(name) == "true"; }

const std::string& Options::text(std::string_view name) const {
  static const std::string none;
  const Value& value = find(name);
  return value.texts.empty() ? none : value.texts.back();
}

std::int64_t Options::integer(std::string_view name) const {
  return parse_integer(text(name)).value_or(0);
}

Duration Options::duration(std::string_view name) const {
  return document::parse_duration(text(name)).value_or(Duration::zero());
}

std::uint64_t Options::bytes(std::string_view name) const {
  return document::parse_bytes(text(name)).value_or(0);
}

const std::vector<std::string>& Options::list(std::string_view name) const {
  return find(name).texts;
}

const Secret& Options::secret(std::string_view name) const { return find(name).secret; }

Origin Options::origin(std::string_view name) const { return find(name).origin; }

bool Options::given(std::string_view name) const {
  const Origin from = origin(name);
  return from == Origin::flag || from == Origin::environment;
}

}  // namespace crossover::cli
