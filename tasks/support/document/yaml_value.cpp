#include "document/yaml_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "document/yaml_scalar.h"

namespace crossover::document {
namespace {

using nlohmann::json;
using Kind = YamlNode::Kind;

/// The share of the work that may come from aliases: 99 % of a small document, falling to 10 % of
/// one with four million nodes (go-yaml's defence against "billion laughs").
double allowed_alias_share(long steps) {
  constexpr double low = 400000;
  constexpr double high = 4000000;
  const double at = std::clamp((static_cast<double>(steps) - low) / (high - low), 0.0, 1.0);
  return 0.99 - 0.89 * at;
}

class Converter {
 public:
  explicit Converter(const Source& source) : source_(source) {}

  json value(const YamlNode& node) {
    const Nested nested(*this, node);
    switch (node.kind) {
      case Kind::alias: {
        const Inside inside(*this, node);
        return value(*node.target);
      }
      case Kind::sequence:
        return sequence(node);
      case Kind::mapping: {
        json object = json::object();
        fill(node, object);
        return object;
      }
      case Kind::scalar:
        break;
    }
    return json_number(resolve_scalar(node, source_), node.line, source_);
  }

 private:
  /// Counts a step of the work and one level of depth.
  class Nested {
   public:
    Nested(Converter& converter, const YamlNode& node) : converter_(converter) {
      converter_.step(node);
      if (++converter_.depth_ > 2 * max_depth) {
        throw converter_.source_.error(node.line,
                                       fmt::format("nested more than {} deep", max_depth));
      }
    }
    ~Nested() { --converter_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Converter& converter_;
  };

  /// Being inside what an alias stands for.
  class Inside {
   public:
    Inside(Converter& converter, const YamlNode& alias)
        : converter_(converter), entry_(converter.aliases_.insert(&alias)) {
      if (entry_.second) return;
      throw converter_.source_.error(alias.line,
                                     fmt::format("anchor '{}' value contains itself", alias.value));
    }
    ~Inside() { converter_.aliases_.erase(entry_.first); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Converter& converter_;
    std::pair<std::set<const YamlNode*>::iterator, bool> entry_;
  };

  void step(const YamlNode& node) {
    ++steps_;
    if (!aliases_.empty()) ++alias_steps_;
    const bool enough_to_judge = alias_steps_ > 100 && steps_ > 1000;
    if (enough_to_judge && static_cast<double>(alias_steps_) / static_cast<double>(steps_) >
                               allowed_alias_share(steps_)) {
      throw source_.error(node.line, "document contains excessive aliasing");
    }
  }

  json sequence(const YamlNode& node) {
    json list = json::array();
    for (const YamlNode* child : node.children) list.push_back(value(*child));
    return list;
  }

  void fill(const YamlNode& node, json& object) {
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const YamlNode& key = *node.children[i];
      const YamlNode& child = *node.children[i + 1];
      if (is_merge(key)) {
        merge(child, object);
        continue;
      }
      std::string name = key_of(key);
      object[std::move(name)] = value(child);
    }
  }

  std::string key_of(const YamlNode& node) {
    const Nested nested(*this, node);
    if (node.kind == Kind::alias) {
      const Inside inside(*this, node);
      return key_of(*node.target);
    }
    if (node.kind != Kind::scalar) {
      throw source_.error(node.line, "invalid map key: only a scalar can be one");
    }
    return key_text(resolve_scalar(node, source_), node, source_);
  }

  static bool is_merge(const YamlNode& node) {
    return node.kind == Kind::scalar && node.value == "<<" &&
           (node.plain || node.tag == "tag:yaml.org,2002:merge");
  }

  void merge(const YamlNode& node, json& object) {
    if (node.kind == Kind::sequence) {
      // Backwards, as the earlier mapping takes precedence.
      for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) {
        merge_one(**child, object);
      }
      return;
    }
    merge_one(node, object);
  }

  void merge_one(const YamlNode& node, json& object) {
    const bool is_alias = node.kind == Kind::alias;
    if ((is_alias ? node.target->kind : node.kind) != Kind::mapping) {
      throw source_.error(node.line, "map merge requires map or sequence of maps as the value");
    }
    const Nested nested(*this, node);
    if (!is_alias) {
      fill(node, object);
      return;
    }
    const Inside inside(*this, node);
    const Nested deeper(*this, *node.target);
    fill(*node.target, object);
  }

  const Source& source_;
  long steps_ = 1;  // the document itself is the first
  long alias_steps_ = 0;
  int depth_ = 0;
  std::set<const YamlNode*> aliases_;
};

}  // namespace

json yaml_value(const YamlTree& tree, const Source& source) {
  if (tree.root == nullptr) return nullptr;
  return Converter(source).value(*tree.root);
}

}  // namespace crossover::document
