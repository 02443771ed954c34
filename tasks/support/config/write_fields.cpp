#include "config/write_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/secret.h"
#include "config/describe.h"

namespace crossover::config {

bool names_a_secret(std::string_view name) {
  constexpr std::array<std::string_view, 10> words{
      "password", "passwd", "passphrase", "secret",  "token",
      "apikey",   "cookie", "credential", "private", "authorization"};
  std::string plain;
  for (const char letter : name) {
    if (letter != '-' && letter != '_' && letter != '.') {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
  }
  return std::ranges::any_of(
      words, [&](std::string_view word) { return plain.find(word) != std::string::npos; });
}

std::string write_duration(Duration duration) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 6> units{
      {{3'600'000'000'000, "h"},
       {60'000'000'000, "m"},
       {1'000'000'000, "s"},
       {1'000'000, "ms"},
       {1'000, "us"},
       {1, "ns"}}};
  const std::int64_t count = duration.count();
  if (count == 0) {
    return "0s";
  }
  for (const auto& [size, unit] : units) {
    if (count % size == 0) {
      return fmt::format("{}{}", count / size, unit);
    }
  }
  return fmt::format("{}ns", count);
}

std::string write_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units{"", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, units.at(unit));
}

namespace {

/// Writes keys in the shape of the file. What is empty is left out.
class WriteFields final : public Fields {
 public:
  WriteFields() { stack_.push_back(nlohmann::ordered_json::object()); }
  nlohmann::ordered_json take() { return std::move(stack_.front()); }

  using Fields::integer;
  void text(Key key, std::string& value, Help /*help*/, Presence /*presence*/) override {
    if (!value.empty()) {
      put(key, value);
    }
  }
  void path(Key key, std::string& value, Help help) override {
    text(key, value, help, Presence::optional);
  }
  void integer(Key key, std::int64_t& value, std::int64_t /*least*/, std::int64_t /*most*/,
               Help /*help*/) override {
    put(key, value);
  }
  void boolean(Key key, bool& value, Help /*help*/) override { put(key, value); }
  void duration(Key key, Duration& value, Help /*help*/) override {
    put(key, write_duration(value));
  }
  void bytes(Key key, std::uint64_t& value, Help /*help*/) override {
    put(key, write_bytes(value));
  }
  void texts(Key key, std::vector<std::string>& value, Help /*help*/) override {
    if (!value.empty()) {
      put(key, value);
    }
  }
  void paths(Key key, std::vector<std::string>& value, Help help) override {
    texts(key, value, help);
  }
  void text_map(Key key, std::map<std::string, std::string>& value, Help /*help*/) override {
    std::map<std::string, std::string> shown = value;
    for (auto& [name, text] : shown) {
      if (names_a_secret(name)) {
        text = redacted;
      }
    }
    if (!shown.empty()) {
      put(key, shown);
    }
  }
  void json_map(Key key, std::map<std::string, nlohmann::json>& value, Help /*help*/) override {
    if (!value.empty()) {
      put(key, nlohmann::json(value));
    }
  }
  void json_list(Key key, std::vector<nlohmann::json>& value, Help /*help*/) override {
    if (!value.empty()) {
      put(key, nlohmann::json(value));
    }
  }
  void word(Key key, std::string& value, const std::vector<std::string>& /*words*/,
            Help help) override {
    text(key, value, help, Presence::optional);
  }
  bool open(Key key, bool present, std::string_view /*type*/, Help /*help*/) override {
    if (present) {
      places_.push_back({std::string(key), false, {}});
      stack_.push_back(nlohmann::ordered_json::object());
    }
    return present;
  }
  void close() override {
    nlohmann::ordered_json done = std::move(stack_.back());
    stack_.pop_back();
    const Place place = std::move(places_.back());
    places_.pop_back();
    nlohmann::ordered_json& parent = stack_.back();
    if (place.in_list) {
      parent[place.key].push_back(std::move(done));
    } else if (!place.name.empty()) {
      parent[place.key][place.name] = std::move(done);
    } else if (!done.empty()) {
      parent[place.key] = std::move(done);
    }
  }
  std::size_t list(Key /*key*/, std::size_t size, std::string_view /*type*/,
                   Help /*help*/) override {
    return size;
  }
  void open_item(Key key, std::size_t /*index*/) override {
    places_.push_back({std::string(key), true, {}});
    stack_.push_back(nlohmann::ordered_json::object());
  }
  std::vector<std::string> names(Key /*key*/, std::vector<std::string> names,
                                 std::string_view /*type*/, Help /*help*/) override {
    return names;
  }
  void open_entry(Key key, const std::string& name) override {
    places_.push_back({std::string(key), false, name});
    stack_.push_back(nlohmann::ordered_json::object());
  }
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
  void put(Key key, const Value& value) {
    stack_.back()[std::string(key)] = value;
  }

  std::vector<nlohmann::ordered_json> stack_;
  std::vector<Place> places_;
};

}  // namespace

nlohmann::ordered_json write_fields(Migration migration) {
  WriteFields fields;
  describe(fields, migration);
  return fields.take();
}

}  // namespace crossover::config
