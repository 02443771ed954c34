#include "document/strict_yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "document/nearest.h"
#include "document/source.h"
#include "document/strict_node.h"

namespace crossover::document {
namespace {

std::size_t zero_based(int line) { return static_cast<std::size_t>(line - 1); }

std::string join_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

/// What stands in a message for a value of the wrong type.
std::string shown(const Node& node) {
  if (node.type != Node::Type::scalar) return fmt::format("a {}", type_name(node));
  constexpr std::size_t longest = 40;
  if (node.text.size() <= longest) return fmt::format("'{}'", node.text);
  return fmt::format("'{}...'", valid_utf8(node.text.substr(0, longest)));
}

}  // namespace

/// What a Reader and its copies remember.
struct ReaderState {
  std::string file;
  std::string path;
  std::shared_ptr<const Node> owner;  ///< keeps the tree alive
  const Node* node;
  std::vector<std::string> known;
  std::vector<std::shared_ptr<ReaderState>> children;

  void know(std::string_view key) {
    if (std::find(known.begin(), known.end(), key) == known.end()) known.emplace_back(key);
  }
};

const Node* Reader::find(std::string_view key) const {
  state_->know(key);
  const Member* member = find_member(*state_->node, key);
  if (member == nullptr || member->value.type == Node::Type::null) return nullptr;
  return &member->value;
}

const Node* Reader::scalar(std::string_view key, std::string_view wanted) const {
  const Node* node = find(key);
  if (node != nullptr && node->type != Node::Type::scalar) throw wrong(key, *node, wanted);
  return node;
}

Error Reader::wrong(std::string_view key, const Node& node, std::string_view wanted) const {
  return Source{state_->file}.error(
      zero_based(node.line),
      fmt::format("'{}' must be {}, not {}", join_path(state_->path, key), wanted, shown(node)));
}

Error Reader::missing(std::string_view key) const {
  return Source{state_->file}.error(zero_based(line(key)),
                                    fmt::format("'{}' is missing", join_path(state_->path, key)));
}

Reader Reader::child(const Node& node, std::string path) const {
  auto state = std::make_shared<ReaderState>(
      ReaderState{state_->file, std::move(path), state_->owner, &node, {}, {}});
  state_->children.push_back(state);
  return Reader(std::move(state));
}

bool Reader::has(std::string_view key) const { return find(key) != nullptr; }

std::optional<std::string> Reader::string(std::string_view key) const {
  const Node* node = scalar(key, "a string");
  if (node == nullptr) return std::nullopt;
  return node->text;
}

std::optional<std::int64_t> Reader::integer(std::string_view key, std::int64_t least,
                                            std::int64_t most) const {
  constexpr std::string_view wanted = "a whole number";
  const Node* node = scalar(key, wanted);
  if (node == nullptr) return std::nullopt;
  std::int64_t value = 0;
  const char* end = node->text.data() + node->text.size();
  const auto [stop, failure] = std::from_chars(node->text.data(), end, value);
  if (!node->plain || failure != std::errc() || stop != end) throw wrong(key, *node, wanted);
  if (value >= least && value <= most) return value;
  if (most == std::numeric_limits<std::int64_t>::max()) {
    throw wrong(key, *node, fmt::format("a whole number from {}", least));
  }
  throw wrong(key, *node, fmt::format("a whole number from {} to {}", least, most));
}

std::optional<double> Reader::number(std::string_view key) const {
  constexpr std::string_view wanted = "a number";
  const Node* node = scalar(key, wanted);
  if (node == nullptr) return std::nullopt;
  const nlohmann::json value = to_json(*node);
  if (!value.is_number()) throw wrong(key, *node, wanted);
  return value.get<double>();
}

std::optional<bool> Reader::boolean(std::string_view key) const {
  constexpr std::string_view wanted = "true or false";
  const Node* node = scalar(key, wanted);
  if (node == nullptr) return std::nullopt;
  const nlohmann::json value = to_json(*node);
  if (!value.is_boolean()) throw wrong(key, *node, wanted);
  return value.get<bool>();
}

std::optional<Duration> Reader::duration(std::string_view key) const {
  constexpr std::string_view wanted = "a duration such as 500ms, 2s or 10m";
  const Node* node = scalar(key, wanted);
  if (node == nullptr) return std::nullopt;
  const auto value = parse_duration(node->text);
  if (!value) throw wrong(key, *node, wanted);
  return value;
}

std::optional<std::uint64_t> Reader::bytes(std::string_view key) const {
  constexpr std::string_view wanted = "a size such as 4096, 64MiB or 1GiB";
  const Node* node = scalar(key, wanted);
  if (node == nullptr) return std::nullopt;
  const auto value = parse_bytes(node->text);
  if (!value) throw wrong(key, *node, wanted);
  return value;
}

std::optional<std::string> Reader::one_of(std::string_view key,
                                          const std::vector<std::string>& names) const {
  const std::string wanted = fmt::format("one of {}", fmt::join(names, ", "));
  const Node* node = scalar(key, wanted);
  if (node == nullptr) return std::nullopt;
  if (std::find(names.begin(), names.end(), node->text) != names.end()) return node->text;
  const auto near = nearest(node->text, names);
  throw wrong(key, *node, wanted).set_hint(near ? fmt::format("did you mean '{}'?", *near) : "");
}

std::string Reader::required_string(std::string_view key) const {
  if (auto value = string(key)) return std::move(*value);
  throw missing(key);
}

std::int64_t Reader::required_integer(std::string_view key, std::int64_t least,
                                      std::int64_t most) const {
  if (const auto value = integer(key, least, most)) return *value;
  throw missing(key);
}

bool Reader::required_boolean(std::string_view key) const {
  if (const auto value = boolean(key)) return *value;
  throw missing(key);
}

Duration Reader::required_duration(std::string_view key) const {
  if (const auto value = duration(key)) return *value;
  throw missing(key);
}

std::uint64_t Reader::required_bytes(std::string_view key) const {
  if (const auto value = bytes(key)) return *value;
  throw missing(key);
}

std::string Reader::required_one_of(std::string_view key,
                                    const std::vector<std::string>& names) const {
  if (auto value = one_of(key, names)) return std::move(*value);
  throw missing(key);
}

std::vector<std::string> Reader::strings(std::string_view key) const {
  const Node* node = find(key);
  if (node == nullptr) return {};
  if (node->type == Node::Type::scalar) return {node->text};
  if (node->type != Node::Type::sequence) throw wrong(key, *node, "a list of strings");
  std::vector<std::string> out;
  for (const Node& item : node->items) {
    if (item.type != Node::Type::scalar) throw wrong(key, item, "a list of strings");
    out.push_back(item.text);
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> Reader::string_map(std::string_view key) const {
  const Node* node = find(key);
  if (node == nullptr) return {};
  if (node->type != Node::Type::mapping) throw wrong(key, *node, "a mapping of names to strings");
  std::vector<std::pair<std::string, std::string>> out;
  for (const Member& member : node->members) {
    if (member.value.type != Node::Type::scalar) {
      throw wrong(join_path(std::string(key), member.key), member.value, "a string");
    }
    out.emplace_back(member.key, member.value.text);
  }
  return out;
}

std::optional<Reader> Reader::object(std::string_view key) const {
  const Node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (node->type != Node::Type::mapping) throw wrong(key, *node, "a mapping");
  return child(*node, join_path(state_->path, key));
}

Reader Reader::required_object(std::string_view key) const {
  if (auto value = object(key)) return std::move(*value);
  throw missing(key);
}

std::vector<Reader> Reader::objects(std::string_view key) const {
  const Node* node = find(key);
  if (node == nullptr) return {};
  if (node->type != Node::Type::sequence) throw wrong(key, *node, "a list of mappings");
  std::vector<Reader> out;
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const std::string name = fmt::format("{}[{}]", key, i);
    if (node->items[i].type != Node::Type::mapping) throw wrong(name, node->items[i], "a mapping");
    out.push_back(child(node->items[i], join_path(state_->path, name)));
  }
  return out;
}

std::vector<std::pair<std::string, Reader>> Reader::object_map(std::string_view key) const {
  const Node* node = find(key);
  if (node == nullptr) return {};
  if (node->type != Node::Type::mapping) throw wrong(key, *node, "a mapping of mappings");
  std::vector<std::pair<std::string, Reader>> out;
  for (const Member& member : node->members) {
    const std::string name = join_path(std::string(key), member.key);
    const bool empty = member.value.type == Node::Type::null;
    if (!empty && member.value.type != Node::Type::mapping) {
      throw wrong(name, member.value, "a mapping");
    }
    out.emplace_back(member.key, child(member.value, join_path(state_->path, name)));
  }
  return out;
}

std::optional<nlohmann::json> Reader::json(std::string_view key) const {
  state_->know(key);
  const Member* member = find_member(*state_->node, key);
  if (member == nullptr) return std::nullopt;
  return to_json(member->value);
}

std::string_view Reader::type(std::string_view key) const {
  const Node* node = find(key);
  return node == nullptr ? "null" : type_name(*node);
}

void Reader::allow(const std::vector<std::string>& keys) const {
  for (const std::string& key : keys) state_->know(key);
}

std::vector<std::string> Reader::keys() const {
  std::vector<std::string> out;
  for (const Member& member : state_->node->members) out.push_back(member.key);
  return out;
}

namespace {

void refuse_unknown(const ReaderState& state) {
  for (const Member& member : state.node->members) {
    if (std::find(state.known.begin(), state.known.end(), member.key) != state.known.end())
      continue;
    const std::string where = state.path.empty() ? "" : fmt::format(" in '{}'", state.path);
    throw Source{state.file}
        .error(zero_based(member.line), fmt::format("unknown key '{}'{}", member.key, where))
        .set_hint(did_you_mean(member.key, state.known));
  }
  for (const auto& child : state.children) refuse_unknown(*child);
}

}  // namespace

void Reader::finish() const { refuse_unknown(*state_); }

Error Reader::error(std::string_view key, std::string_view cause, std::string hint) const {
  return Source{state_->file}.error(zero_based(line(key)), cause).set_hint(std::move(hint));
}

int Reader::line(std::string_view key) const {
  const Member* member = find_member(*state_->node, key);
  if (member == nullptr) return state_->node->line;
  return member->value.type == Node::Type::null ? member->line : member->value.line;
}

const std::string& Reader::path() const { return state_->path; }

const std::string& Reader::file() const { return state_->file; }

StrictDocument::StrictDocument(std::string file, std::shared_ptr<const Node> root)
    : file_(std::move(file)), root_(std::move(root)) {}

StrictDocument StrictDocument::load_file(const std::string& path) {
  return parse(read_document(path), path);
}

StrictDocument StrictDocument::parse(std::string_view text, const std::string& name) {
  return {name, std::make_shared<const Node>(parse_strict(text, name))};
}

Reader StrictDocument::root() const {
  if (root_->type != Node::Type::mapping) {
    throw Source{file_}.error(zero_based(root_->line),
                              fmt::format("it must be a mapping, not {}", shown(*root_)));
  }
  return Reader(std::make_shared<ReaderState>(ReaderState{file_, {}, root_, root_.get(), {}, {}}));
}

nlohmann::json StrictDocument::json() const { return to_json(*root_); }

int StrictDocument::line(const std::vector<std::string>& path) const {
  const Node* node = root_.get();
  int line = node->line;
  for (const std::string& step : path) {
    if (node->type == Node::Type::mapping) {
      const Member* member = find_member(*node, step);
      if (member == nullptr) return 0;
      node = &member->value;
      line = member->line;
      continue;
    }
    std::size_t index = 0;
    const char* end = step.data() + step.size();
    const auto [stop, failure] = std::from_chars(step.data(), end, index);
    if (failure != std::errc() || stop != end || index >= node->items.size()) return 0;
    node = &node->items[index];
    line = node->line;
  }
  return line;
}

}  // namespace crossover::document
