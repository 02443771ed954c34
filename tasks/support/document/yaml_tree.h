#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document/source.h"

namespace crossover::document {

/// A node of a parsed YAML document, before any meaning is given to its scalars.
struct YamlNode {
  enum class Kind { scalar, sequence, mapping, alias };

  Kind kind = Kind::scalar;
  std::size_t line = 0;  ///< from 0 within the piece of text
  std::string tag;       ///< resolved ("tag:yaml.org,2002:int", "!mine"), empty when there is none
  std::string value;     ///< of a scalar; the anchor's name for an alias
  bool plain = false;    ///< unquoted without a tag, or with the non-specific tag `!`
  const YamlNode* target = nullptr;       ///< of an alias
  std::vector<const YamlNode*> children;  ///< keys and values in turn for a mapping
};

/// Owns the nodes; a node never moves. `root` is null when the text holds no document.
struct YamlTree {
  std::deque<YamlNode> nodes;
  const YamlNode* root = nullptr;
};

/// Parses the first document of `text` with libyaml; what follows it is ignored (as go-yaml's
/// Unmarshal does). Error (usage, with file and line) for broken YAML, unknown anchors and nesting
/// beyond max_depth.
YamlTree parse_yaml(std::string_view text, const Source& source);

/// Parses all documents of `text` without keeping them and returns the line (from 0) where a second
/// one starts. Error (usage, with file and line) for what libyaml itself refuses.
std::optional<std::size_t> find_second_document(std::string_view text, const Source& source);

}  // namespace crossover::document
