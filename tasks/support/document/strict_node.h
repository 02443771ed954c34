#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace crossover::document {

struct Member;

/// A value of a strict document with the line where it stands.
struct Node {
  enum class Type { null, scalar, sequence, mapping };

  Type type = Type::null;
  int line = 1;                 ///< from 1
  bool plain = false;           ///< of a scalar: unquoted and untagged
  std::string text;             ///< of a scalar
  std::vector<Node> items;      ///< of a sequence
  std::vector<Member> members;  ///< of a mapping, in the order of the file
};

struct Member {
  std::string key;
  int line = 1;
  Node value;
};

/// The member of a mapping; null when there is none or `node` is no mapping.
const Member* find_member(const Node& node, std::string_view key);

/// The value as JSON; plain scalars by YAML 1.2's core schema.
nlohmann::json to_json(const Node& node);

/// "null", "boolean", "number", "string", "list" or "mapping".
std::string_view type_name(const Node& node);

/// Parses with yaml-cpp under the rules of StrictDocument; an empty text gives an empty mapping.
Node parse_strict(std::string_view text, const std::string& name);

}  // namespace crossover::document
