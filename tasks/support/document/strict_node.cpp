#include "document/strict_node.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace crossover::document {
namespace {

using nlohmann::json;

std::optional<json> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool may_be =
      !text.empty() && text.find_first_not_of("+-.0123456789eE") == std::string_view::npos;
  if (!may_be) return std::nullopt;
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  const auto as_whole = std::from_chars(text.data(), end, whole);
  if (as_whole.ec == std::errc() && as_whole.ptr == end) return json(whole);
  double real = 0;
  const auto as_real = std::from_chars(text.data(), end, real);
  if (as_real.ec == std::errc() && as_real.ptr == end && std::isfinite(real)) return json(real);
  return std::nullopt;
}

json scalar_to_json(const Node& node) {
  if (!node.plain) return node.text;
  if (node.text == "true" || node.text == "True" || node.text == "TRUE") return true;
  if (node.text == "false" || node.text == "False" || node.text == "FALSE") return false;
  if (auto number = parse_number(node.text)) return std::move(*number);
  return node.text;
}

}  // namespace

const Member* find_member(const Node& node, std::string_view key) {
  for (const Member& member : node.members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}

json to_json(const Node& node) {
  switch (node.type) {
    case Node::Type::null:
      return nullptr;
    case Node::Type::scalar:
      return scalar_to_json(node);
    case Node::Type::sequence: {
      json list = json::array();
      for (const Node& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Node::Type::mapping:
      break;
  }
  json object = json::object();
  for (const Member& member : node.members) object[member.key] = to_json(member.value);
  return object;
}

std::string_view type_name(const Node& node) {
  switch (node.type) {
    case Node::Type::null:
      return "null";
    case Node::Type::sequence:
      return "list";
    case Node::Type::mapping:
      return "mapping";
    case Node::Type::scalar:
      break;
  }
  const json value = scalar_to_json(node);
  if (value.is_boolean()) return "boolean";
  return value.is_number() ? "number" : "string";
}

}  // namespace crossover::document
