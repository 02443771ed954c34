#include "config/write_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/secret.h"

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

template <typename Value>
void WriteFields::put(Key key, const Value& value) {
  stack_.back()[std::string(key)] = value;
}

void WriteFields::text(Key key, std::string& value, Help /*help*/, Presence /*presence*/) {
  if (!value.empty()) {
    put(key, value);
  }
}

void WriteFields::path(Key key, std::string& value, Help help) {
  text(key, value, help, Presence::optional);
}

void WriteFields::integer(Key key, std::int64_t& value, std::int64_t /*least*/,
                          std::int64_t /*most*/, Help /*help*/) {
  put(key, value);
}

void WriteFields::boolean(Key key, bool& value, Help /*help*/) { put(key, value); }

void WriteFields::duration(Key key, Duration& value, Help /*help*/) {
  put(key, write_duration(value));
}

void WriteFields::bytes(Key key, std::uint64_t& value, Help /*help*/) {
  put(key, write_bytes(value));
}

void WriteFields::texts(Key key, std::vector<std::string>& value, Help /*help*/) {
  if (!value.empty()) {
    put(key, value);
  }
}

void WriteFields::paths(Key key, std::vector<std::string>& value, Help help) {
  texts(key, value, help);
}

void WriteFields::text_map(Key key, std::map<std::string, std::string>& value, Help /*help*/) {
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

void WriteFields::json_map(Key key, std::map<std::string, nlohmann::json>& value, Help /*help*/) {
  if (!value.empty()) {
    put(key, nlohmann::json(value));
  }
}

void WriteFields::json_list(Key key, std::vector<nlohmann::json>& value, Help /*help*/) {
  if (!value.empty()) {
    put(key, nlohmann::json(value));
  }
}

void WriteFields::word(Key key, std::string& value, const std::vector<std::string>& /*words*/,
                       Help help) {
  text(key, value, help, Presence::optional);
}

bool WriteFields::open(Key key, bool present, std::string_view /*type*/, Help /*help*/) {
  if (present) {
    places_.push_back({std::string(key), false, {}});
    stack_.push_back(nlohmann::ordered_json::object());
  }
  return present;
}

void WriteFields::close() {
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

std::size_t WriteFields::list(Key /*key*/, std::size_t size, std::string_view /*type*/,
                              Help /*help*/) {
  return size;
}

void WriteFields::open_item(Key key, std::size_t /*index*/) {
  places_.push_back({std::string(key), true, {}});
  stack_.push_back(nlohmann::ordered_json::object());
}

std::vector<std::string> WriteFields::names(Key /*key*/, std::vector<std::string> names,
                                            std::string_view /*type*/, Help /*help*/) {
  return names;
}

void WriteFields::open_entry(Key key, const std::string& name) {
  places_.push_back({std::string(key), false, name});
  stack_.push_back(nlohmann::ordered_json::object());
}

}  // namespace crossover::config
