#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/fields.h"

namespace crossover::config {

/// Lists keys for the reference page: a table for the file, and one for each named type.
class ListFields final : public Fields {
 public:
  ListFields();
  std::string markdown() const;

  using Fields::integer;
  void text(Key key, std::string& value, Help help, Presence presence) override;
  void path(Key key, std::string& value, Help help) override;
  void integer(Key key, std::int64_t& value, std::int64_t least, std::int64_t most,
               Help help) override;
  void boolean(Key key, bool& value, Help help) override;
  void duration(Key key, Duration& value, Help help) override;
  void bytes(Key key, std::uint64_t& value, Help help) override;
  void texts(Key key, std::vector<std::string>& value, Help help) override;
  void paths(Key key, std::vector<std::string>& value, Help help) override;
  void text_map(Key key, std::map<std::string, std::string>& value, Help help) override;
  void json_map(Key key, std::map<std::string, nlohmann::json>& value, Help help) override;
  void json_list(Key key, std::vector<nlohmann::json>& value, Help help) override;
  void word(Key key, std::string& value, const std::vector<std::string>& words, Help help) override;
  bool open(Key key, bool present, std::string_view type, Help help) override;
  void close() override;
  std::size_t list(Key key, std::size_t size, std::string_view type, Help help) override;
  void open_item(Key key, std::size_t index) override;
  std::vector<std::string> names(Key key, std::vector<std::string> names, std::string_view type,
                                 Help help) override;
  void open_entry(Key key, const std::string& name) override;
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
  void add(Key key, std::string type, std::string standard, Help help);
  /// Whether the type's table has still to be made; then it becomes the current one.
  bool begin_type(std::string_view type);

  std::vector<Section> sections_;
  std::vector<Frame> frames_;
};

}  // namespace crossover::config
