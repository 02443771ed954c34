#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <unordered_set>

#include "document/source.h"
#include "document/strict_node.h"
#include "document/yaml_tree.h"

namespace crossover::document {
namespace {

constexpr int deepest = 100;
constexpr int most_nodes = 100000;
constexpr std::size_t most_bytes = 4U << 20U;

/// Whether a line's last words open a block scalar: "key: |", "- >-", "text: |2 # why".
bool opens_block_scalar(std::string_view line) {
  const std::size_t comment = line.find(" #");
  if (comment != std::string_view::npos) line = line.substr(0, comment);
  const std::size_t last = line.find_last_not_of(" \t\r+-0123456789");
  if (last == std::string_view::npos || (line[last] != '|' && line[last] != '>')) return false;
  const std::size_t before = last == 0 ? 0 : line.find_last_not_of(' ', last - 1);
  return last > 0 && before != last - 1 && before != std::string_view::npos &&
         (line[before] == ':' || line[before] == '-');
}

/// yaml-cpp takes some tabs for space and complains about others in words that don't name them, so
/// they are looked for first. In block scalars a tab behind the indentation belongs to the text.
void refuse_tabs(std::string_view text, const Source& source) {
  std::size_t block_indent = std::string_view::npos;
  for (std::size_t number = 0; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string_view::npos || line[indent] == '\r') continue;
    if (block_indent != std::string_view::npos && indent > block_indent) continue;
    block_indent = std::string_view::npos;
    if (line[indent] == '\t' && line.find_first_not_of(" \t\r") != std::string_view::npos) {
      throw source.error(number, "a tab is used as indentation").set_hint("use spaces");
    }
    if (opens_block_scalar(line)) block_indent = indent;
  }
}

class Builder {
 public:
  explicit Builder(const Source& source) : source_(source) {}

  Node build(const YAML::Node& from, int depth) {
    const std::size_t line = line_of(from);
    if (++count_ > most_nodes)
      throw source_.error(line, "more than 100000 values (aliases counted)");
    if (depth > deepest) throw source_.error(line, "nested more than 100 deep");
    Node node;
    node.line = static_cast<int>(line) + 1;
    switch (from.Type()) {
      case YAML::NodeType::Scalar:
        set_scalar(from, node);
        break;
      case YAML::NodeType::Sequence:
        node.type = Node::Type::sequence;
        for (const YAML::Node& item : from) node.items.push_back(build(item, depth + 1));
        break;
      case YAML::NodeType::Map:
        set_mapping(from, node, depth);
        break;
      default:
        break;
    }
    return node;
  }

 private:
  static std::size_t line_of(const YAML::Node& node) {
    return node.Mark().line < 0 ? 0 : static_cast<std::size_t>(node.Mark().line);
  }

  void set_scalar(const YAML::Node& from, Node& node) {
    const std::string& tag = from.Tag();
    const bool is_string = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!is_string && !tag.empty() && tag != "?") {
      throw source_.error(line_of(from), fmt::format("tags such as '{}' are not supported", tag));
    }
    node.type = Node::Type::scalar;
    node.plain = !is_string;
    node.text = from.Scalar();
  }

  void set_mapping(const YAML::Node& from, Node& node, int depth) {
    node.type = Node::Type::mapping;
    std::unordered_set<std::string> seen;
    for (const auto& pair : from) {
      const std::size_t line = line_of(pair.first);
      if (!pair.first.IsScalar()) {
        throw source_.error(
            line, pair.first.IsNull() ? "a key is missing" : "a list or mapping can't be a key");
      }
      const std::string& key = pair.first.Scalar();
      if (key == "<<") {
        throw source_.error(line, "merge keys ('<<') are not supported")
            .set_hint("write the keys out, or use an alias for the whole value");
      }
      if (!seen.insert(key).second) {
        throw source_.error(line, fmt::format("duplicate key '{}'", key));
      }
      node.members.push_back({key, static_cast<int>(line) + 1, build(pair.second, depth + 1)});
    }
  }

  const Source& source_;
  int count_ = 0;
};

}  // namespace

Node parse_strict(std::string_view text, const std::string& name) {
  const Source source{name, 1};
  if (text.size() > most_bytes) throw source.error(0, "larger than 4 MiB");
  refuse_tabs(text, source);
  // yaml-cpp 0.7 never returns from reading all documents of `{a: 1}]`, and reading the first one
  // alone hides what follows it, so libyaml looks at the whole first.
  if (const auto second = find_second_document(text, source)) {
    throw source.error(*second, "a second document starts here; only one is allowed");
  }
  try {
    const YAML::Node document = YAML::Load(std::string(text));
    if (!document.IsNull()) return Builder(source).build(document, 0);
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 0 : error.mark.line;
    throw source.error(static_cast<std::size_t>(std::max(0, line)), error.msg);
  }
  Node empty;
  empty.type = Node::Type::mapping;
  return empty;
}

}  // namespace crossover::document
