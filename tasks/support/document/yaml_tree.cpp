#include "document/yaml_tree.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <string>
#include <unordered_map>

#include "document/yaml_mend.h"

namespace crossover::document {
namespace {

std::string text_of(const yaml_char_t* text, std::size_t length) {
  return {reinterpret_cast<const char*>(text), length};
}

std::string text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

class Parser {
 public:
  Parser(std::string_view text, const Source& source)
      : text_(text), cursor_(text), source_(source) {
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
    if (yaml_parser_parse(&parser_, &event) != 0) {
      refuse_escaped_slash(event);
      return;
    }
    const char* problem = parser_.problem == nullptr ? "unknown problem" : parser_.problem;
    if (parser_.error == YAML_READER_ERROR) {
      throw source_.error(parser_.mark.line,
                          fmt::format("{} at byte {}", problem, parser_.problem_offset));
    }
    mend(problem);
    throw source_.error(parser_.problem_mark.line, problem);
  }

 private:
  void mend(std::string_view problem) {
    const std::size_t offset = cursor_.offset(parser_.problem_mark.index);
    const std::string_view there = text_.substr(offset);
    if (problem == "found unknown escape character" && there.starts_with("\\'")) {
      throw Mendable{Mendable::What::apostrophe, offset};
    }
    if (problem == "found unexpected ':'" && there.starts_with(':')) {
      throw Mendable{Mendable::What::colon, offset};
    }
  }

  /// libyaml takes `\/` from YAML 1.2, go-yaml does not.
  void refuse_escaped_slash(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    if (event.type != YAML_SCALAR_EVENT || scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE) return;
    const std::string_view value(reinterpret_cast<const char*>(scalar.value), scalar.length);
    if (value.find('/') == std::string_view::npos) return;
    const std::size_t start = cursor_.offset(event.start_mark.index);
    const std::size_t end = cursor_.offset(event.end_mark.index);
    if (!has_escaped_slash(text_.substr(start, end - start))) return;
    throw source_.error(event.start_mark.line, "found unknown escape character");
  }

  std::string_view text_;
  Cursor cursor_;
  yaml_parser_t parser_{};
  const Source& source_;
};

class Event {
 public:
  // By way of the other constructor, so that the destructor runs even when `next` throws.
  explicit Event(Parser& parser) : Event() { parser.next(event_); }
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  const yaml_event_t& operator*() const { return event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  Event() = default;

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
        open(event, YamlNode::Kind::sequence, event.data.sequence_start.anchor,
             event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
        break;
      case YAML_MAPPING_START_EVENT:
        open(event, YamlNode::Kind::mapping, event.data.mapping_start.anchor,
             event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
        break;
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        open_.pop_back();
        flow_.pop_back();
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
    // Where go-yaml sees a question mark in a flow collection, a key begins.
    if (!flow_.empty() && flow_.back() && scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        node.value.find('?') != std::string::npos) {
      throw source_.error(node.line, "did not find expected ',' or ']' before '?'")
          .set_hint("put the value in quotes");
    }
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

  void open(const yaml_event_t& event, YamlNode::Kind kind, const yaml_char_t* anchor, bool flow) {
    if (open_.size() >= static_cast<std::size_t>(max_depth)) {
      throw source_.error(event.start_mark.line,
                          fmt::format("nested more than {} deep", max_depth));
    }
    YamlNode& node = add(event, kind);
    remember(anchor, node);
    open_.push_back(&node);
    flow_.push_back(flow);
  }

  const Source& source_;
  YamlTree tree_;
  std::vector<YamlNode*> open_;
  std::vector<bool> flow_;  ///< whether each of those is written in brackets or braces
  std::unordered_map<std::string, const YamlNode*> anchors_;
};

YamlTree compose(std::string_view text, const Source& source) {
  Parser parser(text, source);
  Composer composer(source);
  while (composer.take(*Event(parser))) {
  }
  return std::move(composer).tree();
}

void put_back_colons(YamlTree& tree, std::string_view stand_in) {
  for (YamlNode& node : tree.nodes) {
    std::size_t at = 0;
    while ((at = node.value.find(stand_in, at)) != std::string::npos) {
      node.value.replace(at, stand_in.size(), ":");
    }
  }
}

}  // namespace

std::optional<std::size_t> find_second_document(std::string_view text, const Source& source) {
  Parser parser(text, source);
  int documents = 0;
  try {
    while (true) {
      const Event event(parser);
      if (event->type == YAML_STREAM_END_EVENT) return std::nullopt;
      if (event->type == YAML_DOCUMENT_START_EVENT && ++documents == 2) {
        return event->start_mark.line;
      }
    }
  } catch (const Mendable& found) {
    const std::string_view before = text.substr(0, found.offset);
    throw source.error(static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')),
                       found.what == Mendable::What::colon ? "found unexpected ':'"
                                                           : "found unknown escape character");
  }
}

YamlTree parse_yaml(std::string_view text, const Source& source) {
  // Each round mends one scalar; the budget keeps a text full of them from taking quadratic time.
  constexpr std::size_t budget = 256U << 20U;
  std::string mended;
  std::string stand_in;
  for (std::size_t read = text.size();; read += text.size() + 1) {
    try {
      YamlTree tree = compose(text, source);
      if (!stand_in.empty()) put_back_colons(tree, stand_in);
      return tree;
    } catch (const Mendable& found) {
      if (read > budget) throw source.error(0, "too many escapes that YAML doesn't know");
      if (found.what == Mendable::What::apostrophe) {
        mended = without_escaped_apostrophes(text, found.offset);
      } else {
        if (stand_in.empty()) stand_in = unused_character(text);
        if (stand_in.empty()) throw source.error(0, "found unexpected ':'");
        mended = std::string(text).replace(found.offset, 1, stand_in);
      }
      text = mended;
    }
  }
}

}  // namespace crossover::document
