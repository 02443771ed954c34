#include "document/yaml_scalar.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "document/base64.h"
#include "document/timestamp.h"

namespace crossover::document {
namespace {

using nlohmann::json;

constexpr std::string_view tag_prefix = "tag:yaml.org,2002:";

/// The part of a core tag behind its prefix ("int"); empty for none, "!" for one of the user's own.
std::string_view core_tag(std::string_view tag) {
  if (tag.empty()) return tag;
  if (!tag.starts_with(tag_prefix)) return "!";
  return tag.substr(tag_prefix.size());
}

struct Resolved {
  std::string_view tag;
  json value;
};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (text == name) return true;
  }
  return false;
}

std::optional<Resolved> named_value(std::string_view text) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return Resolved{"null", nullptr};
  if (is_one_of(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) {
    return Resolved{"bool", true};
  }
  if (is_one_of(text,
                {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    return Resolved{"bool", false};
  }
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) {
    return Resolved{"float", std::numeric_limits<double>::quiet_NaN()};
  }
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) {
    return Resolved{"float", infinity};
  }
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return Resolved{"float", -infinity};
  return std::nullopt;
}

std::optional<std::uint64_t> digits(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<std::int64_t> with_sign(bool negative, std::optional<std::uint64_t> magnitude) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!magnitude || *magnitude > most + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - *magnitude : *magnitude);
}

/// Magnitude by Go's strconv in base 0: 0x, 0o and 0b in either case, and a leading 0 for octal.
std::optional<std::uint64_t> magnitude(std::string_view text) {
  if (!text.starts_with('0')) return digits(text, 10);
  if (text.size() == 1) return 0;
  const std::string_view rest = text.substr(2);
  if (!rest.empty()) {
    switch (text[1]) {
      case 'x':
      case 'X':
        return digits(rest, 16);
      case 'o':
      case 'O':
        return digits(rest, 8);
      case 'b':
      case 'B':
        return digits(rest, 2);
      default:
        break;
    }
  }
  return digits(text.substr(1), 8);
}

bool signed_text(std::string_view text) { return text.starts_with('-') || text.starts_with('+'); }

std::optional<json> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  const bool has_sign = signed_text(text);
  const auto value = magnitude(has_sign ? text.substr(1) : text);
  if (const auto fits = with_sign(negative, value)) return json(*fits);
  if (value && !has_sign) return json(*value);
  return std::nullopt;
}

/// go-yaml tries what follows 0b once more, with a sign of its own: 0b-101 is -5.
std::optional<json> binary_integer(std::string_view text) {
  if (text.starts_with("-0b")) {
    if (const auto value = with_sign(true, digits(text.substr(3), 2))) return json(*value);
  } else if (text.starts_with("0b")) {
    std::string_view rest = text.substr(2);
    const bool negative = rest.starts_with('-');
    if (signed_text(rest)) rest.remove_prefix(1);
    if (const auto value = with_sign(negative, digits(rest, 2))) return json(*value);
  }
  return std::nullopt;
}

std::size_t count_digits(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  return count;
}

/// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_like_float(std::string_view text) {
  if (signed_text(text)) text.remove_prefix(1);
  const std::size_t whole = count_digits(text);
  text.remove_prefix(whole);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t fraction = count_digits(text);
    if (whole + fraction == 0) return false;
    text.remove_prefix(fraction);
  } else if (whole == 0) {
    return false;
  }
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (signed_text(text)) text.remove_prefix(1);
  return !text.empty() && count_digits(text) == text.size();
}

/// Whether each underscore stands between two digits (strconv.ParseFloat takes no others).
bool has_separated_digits(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') continue;
    if (i == 0 || count_digits(text.substr(i - 1)) == 0) return false;
    if (count_digits(text.substr(i + 1)) == 0) return false;
  }
  return true;
}

/// Nothing when the value is beyond the range of a double; too small a one is zero.
std::optional<double> float_value(std::string_view text) {
  if (!looks_like_float(text)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc()) return value;
  // from_chars does not say on which side the range was left, strtod does. Programs here run in the
  // "C" locale.
  value = std::strtod(std::string(text).c_str(), nullptr);
  if (std::isinf(value)) return std::nullopt;
  return value;
}

Resolved resolve_plain(std::string_view text, std::string_view tag) {
  const auto as_string = [text] { return Resolved{"str", std::string(text)}; };
  constexpr std::string_view may_mean_something = "+-0123456789yYnNtTfFoO~.";
  if (!text.empty() && may_mean_something.find(text[0]) == std::string_view::npos) {
    return as_string();
  }
  if (auto named = named_value(text)) return std::move(*named);
  if (text[0] == '.') {
    if (!has_separated_digits(text)) return as_string();
    std::string plain(text);
    std::erase(plain, '_');
    if (const auto value = float_value(plain)) return {"float", *value};
    return as_string();
  }
  const bool numeric = signed_text(text) || (text[0] >= '0' && text[0] <= '9');
  if (!numeric) return as_string();
  if ((tag.empty() || tag == "timestamp") && is_timestamp(text)) {
    return {"timestamp", std::string(text)};
  }
  std::string digits_only(text);
  std::erase(digits_only, '_');
  if (auto value = integer(digits_only)) return {"int", std::move(*value)};
  if (const auto value = float_value(digits_only)) return {"float", *value};
  if (auto value = binary_integer(digits_only)) return {"int", std::move(*value)};
  return as_string();
}

/// Go's strconv.FormatFloat(value, 'g', -1, 32): six digits decide between the notations.
std::string short_float(double value) {
  if (std::isnan(value)) return ".nan";
  std::array<char, 64> buffer{};
  const auto narrow = static_cast<float>(value);
  if (std::isinf(narrow)) return narrow < 0 ? "-.inf" : ".inf";
  const auto print = [&](std::chars_format format) {
    const auto done = std::to_chars(buffer.data(), buffer.data() + buffer.size(), narrow, format);
    return std::string(buffer.data(), done.ptr);
  };
  std::string scientific = print(std::chars_format::scientific);
  const std::size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  if (exponent < -4 || exponent >= 6) return scientific;
  return print(std::chars_format::fixed);
}

/// The integer that JSON's text of a float without a fraction stands for. It is made from the
/// shortest decimal form, which beyond 2^53 is not the exact value: 2^62 is written
/// 4611686018427388000.
std::optional<std::int64_t> whole_float(double value) {
  if (std::trunc(value) != value || std::fabs(value) >= 1e19) return std::nullopt;
  std::array<char, 32> buffer{};
  const auto done = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::fabs(value),
                                  std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(done.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  std::string decimal(text.substr(0, e));
  std::erase(decimal, '.');
  int exponent = 0;
  // Behind "e+"; a whole number's exponent is never negative.
  std::from_chars(text.data() + e + 2, text.data() + text.size(), exponent);
  decimal.resize(static_cast<std::size_t>(exponent) + 1, '0');
  return with_sign(value < 0, digits(decimal, 10));
}

}  // namespace

json resolve_scalar(const YamlNode& node, const Source& source) {
  const std::string_view tag = core_tag(node.tag);
  if ((tag.empty() && !node.plain) || tag == "str") return valid_utf8(node.value);
  if (tag == "binary") {
    const auto bytes = decode_base64(node.value);
    if (!bytes) throw source.error(node.line, "!!binary value contains invalid base64 data");
    return valid_utf8(*bytes);
  }
  if (!is_one_of(tag, {"", "bool", "int", "float", "null", "timestamp"})) {
    return valid_utf8(node.value);
  }
  Resolved resolved = resolve_plain(node.value, tag);
  if (tag.empty() || tag == resolved.tag) return std::move(resolved.value);
  if (tag == "float" && resolved.value.is_number_integer() &&
      !resolved.value.is_number_unsigned()) {
    return resolved.value.get<double>();
  }
  throw source.error(node.line, fmt::format("cannot decode a !!{} as a !!{}", resolved.tag, tag));
}

std::string key_text(const json& key, const YamlNode& node, const Source& source) {
  if (key.is_string()) return key.get<std::string>();
  if (key.is_boolean()) return key.get<bool>() ? "true" : "false";
  if (key.is_number_float()) return short_float(key.get<double>());
  if (key.is_number_integer() && !key.is_number_unsigned()) {
    return std::to_string(key.get<std::int64_t>());
  }
  throw source.error(node.line, fmt::format("unsupported map key '{}'", node.value));
}

json json_number(json number, std::size_t line, const Source& source) {
  if (number.is_number_unsigned()) {
    const auto value = number.get<std::uint64_t>();
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (value > most) return static_cast<double>(value);
    return static_cast<std::int64_t>(value);
  }
  if (!number.is_number_float()) return number;
  const auto value = number.get<double>();
  if (std::isnan(value)) throw source.error(line, "unsupported value: NaN");
  if (std::isinf(value)) throw source.error(line, "unsupported value: an infinity");
  if (const auto whole = whole_float(value)) return *whole;
  return number;
}

}  // namespace crossover::document
