#include "config/list_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "config/describe.h"
#include "config/write_fields.h"

namespace crossover::config {
namespace {

std::string link(std::string_view type) {
  std::string anchor(type);
  std::ranges::transform(anchor, anchor.begin(), [](unsigned char letter) {
    return letter == ' ' ? '-' : static_cast<char>(std::tolower(letter));
  });
  return fmt::format("[{}](#{})", type, anchor);
}

std::string code(const std::string& text) {
  return text.empty() ? std::string() : fmt::format("`{}`", text);
}

/// Lists keys for the reference page: a table for the file, and one for each named type.
class ListFields final : public Fields {
 public:
  ListFields() {
    sections_.push_back({"crossover.yaml", {}});
    frames_.push_back({0, ""});
  }
  std::string markdown() const {
    std::string page;
    for (const Section& section : sections_) {
      page += fmt::format("{}## {}\n\n| key | type | default | meaning |\n|---|---|---|---|\n",
                          page.empty() ? "" : "\n", section.title);
      for (const Row& row : section.rows) {
        page += fmt::format("| `{}` | {} | {} | {} |\n", row.key, row.type, row.standard, row.help);
      }
    }
    return page;
  }

  using Fields::integer;
  void text(Key key, std::string& value, Help help, Presence presence) override {
    add(key, "text", presence == Presence::required ? "required" : code(value), help);
  }
  void path(Key key, std::string& value, Help help) override {
    add(key, "path", code(value), help);
  }
  void integer(Key key, std::int64_t& value, std::int64_t least, std::int64_t most,
               Help help) override {
    add(key, fmt::format("{} to {}", least, most), code(std::to_string(value)), help);
  }
  void boolean(Key key, bool& value, Help help) override {
    add(key, "true, false", code(value ? "true" : "false"), help);
  }
  void duration(Key key, Duration& value, Help help) override {
    add(key, "duration", code(write_duration(value)), help);
  }
  void bytes(Key key, std::uint64_t& value, Help help) override {
    add(key, "size", code(write_bytes(value)), help);
  }
  void texts(Key key, std::vector<std::string>& value, Help help) override {
    add(key, "list of text", code(fmt::format("{}", fmt::join(value, " "))), help);
  }
  void paths(Key key, std::vector<std::string>& value, Help help) override {
    add(key, "list of paths", code(fmt::format("{}", fmt::join(value, " "))), help);
  }
  void text_map(Key key, std::map<std::string, std::string>& /*value*/, Help help) override {
    add(key, "name: text", "", help);
  }
  void json_map(Key key, std::map<std::string, nlohmann::json>& /*value*/, Help help) override {
    add(key, "name: value", "", help);
  }
  void json_list(Key key, std::vector<nlohmann::json>& /*value*/, Help help) override {
    add(key, "list of mappings", "", help);
  }
  void word(Key key, std::string& value, const std::vector<std::string>& words,
            Help help) override {
    std::vector<std::string> shown;
    for (const std::string& candidate : words) {
      if (!candidate.empty()) {
        shown.push_back(candidate);
      }
    }
    add(key, fmt::format("{}", fmt::join(shown, ", ")), code(value), help);
  }
  bool open(Key key, bool /*present*/, std::string_view type, Help help) override {
    if (!type.empty()) {
      add(key, link(type), "", help);
      if (!begin_type(type)) {
        return false;
      }
      frames_.push_back({sections_.size() - 1, ""});
      return true;
    }
    add(key, "mapping", "", help);
    frames_.push_back({frames_.back().section, fmt::format("{}{}.", frames_.back().prefix, key)});
    return true;
  }
  void close() override { frames_.pop_back(); }
  std::size_t list(Key key, std::size_t /*size*/, std::string_view type, Help help) override {
    add(key, "list of " + link(type), "", help);
    return begin_type(type) ? 1 : 0;
  }
  void open_item(Key /*key*/, std::size_t /*index*/) override {
    frames_.push_back({sections_.size() - 1, ""});
  }
  std::vector<std::string> names(Key key, std::vector<std::string> /*names*/, std::string_view type,
                                 Help help) override {
    add(key, "name: " + link(type), "", help);
    return begin_type(type) ? std::vector<std::string>{"NAME"} : std::vector<std::string>{};
  }
  void open_entry(Key /*key*/, const std::string& /*name*/) override {
    frames_.push_back({sections_.size() - 1, ""});
  }
  bool is_word(Key /*key*/, bool /*now*/) override { return false; }
  void rule(bool /*kept*/, Key /*key*/, std::string_view /*cause*/,
            std::string_view /*hint*/) override {}

 private:
  struct Row {
    std::string key;
    std::string type;
    std::string standard;
    std::string help;
  };
  struct Section {
    std::string title;
    std::vector<Row> rows;
  };
  struct Frame {
    std::size_t section;
    std::string prefix;
  };
  void add(Key key, std::string type, std::string standard, Help help) {
    const Frame& frame = frames_.back();
    sections_[frame.section].rows.push_back(
        {frame.prefix + std::string(key), std::move(type), std::move(standard), std::string(help)});
  }
  /// Whether the type's table has still to be made; then it becomes the current one.
  bool begin_type(std::string_view type) {
    if (std::ranges::any_of(sections_, [&](const Section& each) { return each.title == type; })) {
      return false;
    }
    sections_.push_back({std::string(type), {}});
    return true;
  }

  std::vector<Section> sections_;
  std::vector<Frame> frames_;
};

}  // namespace

std::string list_fields() {
  Migration defaults;
  ListFields fields;
  describe(fields, defaults);
  return fields.markdown();
}

}  // namespace crossover::config
