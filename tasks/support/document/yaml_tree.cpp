#include "document/yaml_tree.h"

#include <fmt/format.h>
#include <yaml.h>

#include <string>
#include <unordered_map>

namespace crossover::document {
namespace {

std::string text_of(const yaml_char_t* text, std::size_t length) {
  return {reinterpret_cast<const char*>(text), length};
}

std::string text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

/// Thrown for `\'` in a double-quoted scalar: libyaml refuses it today, go-yaml and so `oc` take
/// it.
struct EscapedApostrophe {
  std::size_t offset;  ///< of the backslash, in bytes
};

/// The offset in bytes of the character with this number; the size of the text when it has fewer.
std::size_t byte_offset(std::string_view text, std::size_t characters) {
  std::size_t offset = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  for (; offset < text.size(); ++offset) {
    const bool continues = (static_cast<unsigned char>(text[offset]) & 0xC0U) == 0x80U;
    if (continues) continue;
    if (characters-- == 0) break;
  }
  return offset;
}

/// The text with `\'` turned into an apostrophe from `offset` to the end of the quoted scalar
/// there.
std::string without_escaped_apostrophes(std::string_view text, std::size_t offset) {
  std::string out(text.substr(0, offset));
  while (offset < text.size() && text[offset] != '"') {
    const std::string_view pair = text.substr(offset, 2);
    const std::size_t taken = pair[0] == '\\' ? pair.size() : 1;
    out += pair == "\\'" ? std::string_view("'") : pair.substr(0, taken);
    offset += taken;
  }
  out += text.substr(offset);
  return out;
}

class Parser {
 public:
  Parser(std::string_view text, const Source& source) : text_(text), source_(source) {
    if (yaml_parser_initialize(&parser_) == 0) {
      throw Error(ErrorKind::failure, "unable to set up the YAML parser: out of memory");
    }
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  void next(yaml_event_t& event) {
    if (yaml_parser_parse(&parser_, &event) != 0) return;
    const char* problem = parser_.problem == nullptr ? "unknown problem" : parser_.problem;
    if (parser_.error == YAML_READER_ERROR) {
      throw source_.error(parser_.mark.line,
                          fmt::format("{} at byte {}", problem, parser_.problem_offset));
    }
    if (std::string_view(problem) == "found unknown escape character") {
      const std::size_t offset = byte_offset(text_, parser_.problem_mark.index);
      if (text_.substr(offset).starts_with("\\'")) throw EscapedApostrophe{offset};
    }
    throw source_.error(parser_.problem_mark.line, problem);
  }

 private:
  std::string_view text_;
  yaml_parser_t parser_{};
  const Source& source_;
};

class Event {
 public:
  explicit Event(Parser& parser) { parser.next(event_); }
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  const yaml_event_t& operator*() const { return event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

class Composer {
 public:
  explicit Composer(const Source& source) : source_(source) {}

  /// Returns whether the document goes on.
  bool take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        add_scalar(event);
        break;
      case YAML_ALIAS_EVENT:
        add_alias(event);
        break;
      case YAML_SEQUENCE_START_EVENT:
        open(event, YamlNode::Kind::sequence, event.data.sequence_start.anchor);
        break;
      case YAML_MAPPING_START_EVENT:
        open(event, YamlNode::Kind::mapping, event.data.mapping_start.anchor);
        break;
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        open_.pop_back();
        break;
      case YAML_DOCUMENT_END_EVENT:
      case YAML_STREAM_END_EVENT:
        return false;
      default:
        break;
    }
    return true;
  }

  YamlTree tree() && { return std::move(tree_); }

 private:
  YamlNode& add(const yaml_event_t& event, YamlNode::Kind kind) {
    YamlNode& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.line = event.start_mark.line;
    if (open_.empty()) {
      tree_.root = &node;
    } else {
      open_.back()->children.push_back(&node);
    }
    return node;
  }

  void remember(const yaml_char_t* anchor, const YamlNode& node) {
    if (anchor != nullptr) anchors_[text_of(anchor)] = &node;
  }

  void add_scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    YamlNode& node = add(event, YamlNode::Kind::scalar);
    node.value = text_of(scalar.value, scalar.length);
    node.tag = text_of(scalar.tag);
    node.plain = scalar.plain_implicit != 0;
    remember(scalar.anchor, node);
  }

  void add_alias(const yaml_event_t& event) {
    YamlNode& node = add(event, YamlNode::Kind::alias);
    node.value = text_of(event.data.alias.anchor);
    const auto found = anchors_.find(node.value);
    if (found == anchors_.end()) {
      throw source_.error(node.line, fmt::format("unknown anchor '{}' referenced", node.value));
    }
    node.target = found->second;
  }

  void open(const yaml_event_t& event, YamlNode::Kind kind, const yaml_char_t* anchor) {
    if (open_.size() >= static_cast<std::size_t>(max_depth)) {
      throw source_.error(event.start_mark.line,
                          fmt::format("nested more than {} deep", max_depth));
    }
    YamlNode& node = add(event, kind);
    remember(anchor, node);
    open_.push_back(&node);
  }

  const Source& source_;
  YamlTree tree_;
  std::vector<YamlNode*> open_;
  std::unordered_map<std::string, const YamlNode*> anchors_;
};

YamlTree compose(std::string_view text, const Source& source) {
  Parser parser(text, source);
  Composer composer(source);
  while (composer.take(*Event(parser))) {
  }
  return std::move(composer).tree();
}

}  // namespace

YamlTree parse_yaml(std::string_view text, const Source& source) {
  // Each round mends one scalar; the budget keeps a text full of them from taking quadratic time.
  constexpr std::size_t budget = 256U << 20U;
  std::string mended;
  for (std::size_t read = text.size();; read += text.size() + 1) {
    try {
      return compose(text, source);
    } catch (const EscapedApostrophe& escape) {
      if (read > budget) throw source.error(0, "too many escaped apostrophes");
      mended = without_escaped_apostrophes(text, escape.offset);
      text = mended;
    }
  }
}

}  // namespace crossover::document
