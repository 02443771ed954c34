#include "document/substitution.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "document/json_text.h"

namespace crossover::document {
namespace {

using nlohmann::json;

constexpr std::size_t most_bytes = 64U << 20U;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The name of a reference that starts at `start` with `open` and ends with `close`.
std::optional<std::string_view> reference_at(std::string_view text, std::size_t start,
                                             std::string_view open, std::string_view close) {
  if (!text.substr(start).starts_with(open)) return std::nullopt;
  const std::size_t first = start + open.size();
  std::size_t end = first;
  while (end < text.size() && is_name_character(text[end])) ++end;
  if (end == first || !text.substr(end).starts_with(close)) return std::nullopt;
  return text.substr(first, end - first);
}

/// All `${NAME}` of a text, left to right, as names.
std::vector<std::string_view> references(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t at = 0;
  while ((at = text.find("${", at)) != std::string_view::npos) {
    const auto name = reference_at(text, at, "${", "}");
    if (name) out.push_back(*name);
    at += name ? name->size() + 3 : 2;
  }
  return out;
}

std::optional<std::string_view> whole_reference(std::string_view text, std::string_view open,
                                                std::string_view close) {
  const auto name = reference_at(text, 0, open, close);
  if (!name || name->size() + open.size() + close.size() != text.size()) return std::nullopt;
  return name;
}

Error impossible(std::string_view in, std::string_view cause) {
  return {ErrorKind::usage, fmt::format("'{}' {}", in, cause)};
}

}  // namespace

bool has_reference(std::string_view text) { return !references(text).empty(); }

std::string_view sole_reference(std::string_view text) {
  if (const auto name = whole_reference(text, "${", "}")) return *name;
  return whole_reference(text, "${{", "}}").value_or(std::string_view());
}

Substitution::Substitution(Values values) : values_(std::move(values)) {}

const std::string* Substitution::typed_value(std::string_view in) const {
  const auto name = whole_reference(in, "${{", "}}");
  if (!name) return nullptr;
  const auto found = values_.find(*name);
  return found == values_.end() ? nullptr : &found->second;
}

void Substitution::count(std::size_t bytes) const {
  bytes_ += bytes;
  if (bytes_ > most_bytes) {
    throw Error(ErrorKind::usage, "its objects outgrow 64 MiB when parameters are filled in");
  }
}

std::string Substitution::text(const std::string& in) const {
  if (const std::string* whole = typed_value(in)) {
    count(whole->size());
    return *whole;
  }
  std::string out = in;
  for (const std::string_view name : references(in)) {
    const auto found = values_.find(name);
    if (found == values_.end()) continue;
    const std::string reference = fmt::format("${{{}}}", name);
    const std::size_t at = out.find(reference);
    if (at == std::string::npos) continue;
    count(found->second.size());
    out.replace(at, reference.size(), found->second);
  }
  return out;
}

json Substitution::value_of(const std::string& in) const {
  const std::string* typed = typed_value(in);
  if (typed == nullptr) return text(in);
  count(typed->size());
  auto parsed = float_json(*typed);
  return parsed ? std::move(*parsed) : json(*typed);
}

std::string Substitution::key_of(const std::string& in) const {
  const json key = value_of(in);
  if (!key.is_string()) throw impossible(in, "as a key must be a string");
  return key.get<std::string>();
}

void Substitution::apply(json& value) const {
  if (value.is_object()) {
    apply_to_object(value);
  } else if (value.is_array()) {
    apply_to_array(value);
  } else if (value.is_string()) {
    value = value_of(value.get_ref<const std::string&>());
  }
}

void Substitution::apply_to_object(json& object) const {
  json out = json::object();
  const auto put = [&](std::string key, json& value) {
    const bool was_string = value.is_string();
    apply(value);
    if (was_string && value.is_null()) {
      out.erase(key);
    } else {
      out[std::move(key)] = std::move(value);
    }
  };
  // Keys with references come last, so that what one of them becomes wins over a key written out.
  std::vector<std::pair<std::string, json*>> renamed;
  for (auto& [key, value] : object.items()) {
    std::string name = key_of(key);
    if (name == key) {
      put(std::move(name), value);
    } else {
      renamed.emplace_back(std::move(name), &value);
    }
  }
  for (auto& [name, value] : renamed) put(name, *value);
  object = std::move(out);
}

void Substitution::apply_to_array(json& array) const {
  for (json& item : array) {
    const std::string in = item.is_string() ? item.get<std::string>() : std::string();
    apply(item);
    if (!in.empty() && item.is_null()) throw impossible(in, "can't be null in a list");
  }
}

}  // namespace crossover::document
