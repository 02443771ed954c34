#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/named.h"

namespace crossover::config {

enum class Presence { optional, required };

/// What is done with the keys of crossover.yaml, told to it one by one by the `describe` functions:
/// reading them from a file, writing them out, or listing them for the reference page. So each key
/// is declared once. A variable's value on entry is the default.
class Fields {
 public:
  using Key = std::string_view;
  using Help = std::string_view;

  Fields() = default;
  virtual ~Fields() = default;
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  virtual void text(Key key, std::string& value, Help help,
                    Presence presence = Presence::optional) = 0;
  /// A path, made relative to the folder of the file when read.
  virtual void path(Key key, std::string& value, Help help) = 0;
  virtual void integer(Key key, std::int64_t& value, std::int64_t least, std::int64_t most,
                       Help help) = 0;
  virtual void boolean(Key key, bool& value, Help help) = 0;
  virtual void duration(Key key, Duration& value, Help help) = 0;
  virtual void bytes(Key key, std::uint64_t& value, Help help) = 0;
  virtual void texts(Key key, std::vector<std::string>& value, Help help) = 0;
  virtual void paths(Key key, std::vector<std::string>& value, Help help) = 0;
  virtual void text_map(Key key, std::map<std::string, std::string>& value, Help help) = 0;
  virtual void json_map(Key key, std::map<std::string, nlohmann::json>& value, Help help) = 0;
  /// A list of mappings of the user's own shape.
  virtual void json_list(Key key, std::vector<nlohmann::json>& value, Help help) = 0;
  virtual void word(Key key, std::string& value, const std::vector<std::string>& words,
                    Help help) = 0;

  /// Goes into the mapping `key`. Returns false when there is none (then no `close`); `present` is
  /// whether the program's value exists. `type` is the heading under which the reference lists what
  /// is in it; empty: where it stands.
  virtual bool open(Key key, bool present, std::string_view type, Help help) = 0;
  virtual void close() = 0;
  /// The list of mappings `key`: how many; then `open_item` and `close` for each.
  virtual std::size_t list(Key key, std::size_t size, std::string_view type, Help help) = 0;
  virtual void open_item(Key key, std::size_t index) = 0;
  /// The mapping of names to mappings `key`: the names; then `open_entry` and `close` for each.
  virtual std::vector<std::string> names(Key key, std::vector<std::string> names,
                                         std::string_view type, Help help) = 0;
  virtual void open_entry(Key key, const std::string& name) = 0;

  /// Whether a key that may be a word or a mapping is a word; `now`: the program's value would be.
  virtual bool is_word(Key key, bool now) = 0;
  /// A rule about the values: when broken, reading fails at the line of `key` with `cause`.
  virtual void rule(bool kept, Key key, std::string_view cause, std::string_view hint) = 0;

  void integer(Key key, int& value, std::int64_t least, std::int64_t most, Help help) {
    std::int64_t wide = value;
    integer(key, wide, least, most, help);
    value = static_cast<int>(wide);
  }
  template <typename Enum, std::size_t Size>
  void choice(Key key, Enum& value, const std::array<Named<Enum>, Size>& table, Help help) {
    std::string chosen(config::word(table, value));
    std::vector<std::string> words;
    for (const auto& entry : table) {
      words.emplace_back(entry.word);
    }
    word(key, chosen, words, help);
    for (const auto& entry : table) {
      value = entry.word == chosen ? entry.value : value;
    }
  }
  /// A section that always exists, with defaults.
  template <typename Section>
  void section(Key key, Section& value, Help help, std::string_view type = {}) {
    if (open(key, true, type, help)) {
      describe(*this, value);
      close();
    }
  }
  template <typename Section>
  void section(Key key, std::optional<Section>& value, Help help, std::string_view type = {}) {
    if (open(key, value.has_value(), type, help)) {
      if (!value) {
        value.emplace();
      }
      describe(*this, *value);
      close();
    }
  }
  template <typename Section>
  void sections(Key key, std::vector<Section>& value, Help help, std::string_view type) {
    value.resize(list(key, value.size(), type, help));
    for (std::size_t index = 0; index < value.size(); ++index) {
      open_item(key, index);
      describe(*this, value[index]);
      close();
    }
  }
  template <typename Section>
  void sections(Key key, std::map<std::string, Section>& value, Help help, std::string_view type) {
    std::vector<std::string> present;
    for (const auto& entry : value) {
      present.push_back(entry.first);
    }
    for (const std::string& name : names(key, std::move(present), type, help)) {
      open_entry(key, name);
      describe(*this, value[name]);
      close();
    }
  }
};

}  // namespace crossover::config
