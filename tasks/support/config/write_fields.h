#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/fields.h"

namespace crossover::config {

/// "500ms", "2s", "10m", "1h": the largest unit that shows the whole of it.
std::string write_duration(Duration duration);
/// Whether a value of this name (a template's parameter, a chart's value, a header) is one that
/// people keep secret, so that it is not shown: "DB_PASSWORD", "auth.apiKey", "Authorization".
bool names_a_secret(std::string_view name);
/// "4096", "64KiB", "1GiB": the largest unit that shows the whole of it.
std::string write_bytes(std::uint64_t bytes);

/// Writes keys in the shape of the file. What is empty is left out.
class WriteFields final : public Fields {
 public:
  WriteFields() { stack_.push_back(nlohmann::ordered_json::object()); }
  nlohmann::ordered_json take() { return std::move(stack_.front()); }

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
  bool is_word(Key /*key*/, bool now) override { return now; }
  void rule(bool /*kept*/, Key /*key*/, std::string_view /*cause*/,
            std::string_view /*hint*/) override {}

 private:
  /// Where the mapping that is written now goes: into a key of the one around it, or to the end of
  /// the list under that key, or under a name in the mapping under that key.
  struct Place {
    std::string key;
    bool in_list = false;
    std::string name;
  };
  template <typename Value>
  void put(Key key, const Value& value);

  std::vector<nlohmann::ordered_json> stack_;
  std::vector<Place> places_;
};

}  // namespace crossover::config
