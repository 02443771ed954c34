#include "config/read_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "config/describe.h"
#include "document/nearest.h"

namespace crossover::config {
namespace {

Error wrong(const Override& given, std::string_view wanted) {
  return Error(ErrorKind::usage, fmt::format("unable to use '{}': it must be {}, not '{}'",
                                             given.origin, wanted, given.value));
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) {
      parts.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// Reads keys from a file; overrides win. Errors are of kind usage with file and line.
class ReadFields final : public Fields {
 public:
  ReadFields(document::Reader root, const std::vector<Override>& overrides)
      : root_(std::move(root)),
        overrides_(overrides),
        folder_(std::filesystem::path(root_.file()).parent_path().string()) {
    frames_.push_back({root_, "", {}});
  }

  using Fields::integer;
  void text(Key key, std::string& value, Help /*help*/, Presence presence) override {
    if (const auto* reader = here()) {
      const auto read = reader->string(key);
      value = read.value_or(value);
      if (!read && presence == Presence::required && override_of(key) == nullptr) {
        note(reader->error("", fmt::format("'{}' is missing", path_of(key))));
      }
    }
    if (const Override* given = override_of(key)) {
      value = given->value;
    }
  }
  void path(Key key, std::string& value, Help /*help*/) override {
    if (const auto* reader = here()) {
      if (const auto read = reader->string(key)) {
        value = relative(*read);
      }
    }
    if (const Override* given = override_of(key)) {
      value = given->value;  // relative to where the command was typed
    }
  }
  void integer(Key key, std::int64_t& value, std::int64_t least, std::int64_t most,
               Help /*help*/) override {
    if (const auto* reader = here()) {
      value = reader->integer(key, least, most).value_or(value);
    }
    if (const Override* given = override_of(key)) {
      const char* end = given->value.data() + given->value.size();
      const auto parsed = std::from_chars(given->value.data(), end, value);
      if (parsed.ec != std::errc() || parsed.ptr != end || value < least || value > most) {
        throw wrong(*given, fmt::format("a whole number from {} to {}", least, most));
      }
    }
  }
  void boolean(Key key, bool& value, Help /*help*/) override {
    if (const auto* reader = here()) {
      value = reader->boolean(key).value_or(value);
    }
    if (const Override* given = override_of(key)) {
      if (given->value != "true" && given->value != "false") {
        throw wrong(*given, "true or false");
      }
      value = given->value == "true";
    }
  }
  void duration(Key key, Duration& value, Help /*help*/) override {
    if (const auto* reader = here()) {
      value = reader->duration(key).value_or(value);
    }
    if (const Override* given = override_of(key)) {
      const auto parsed = document::parse_duration(given->value);
      if (!parsed) {
        throw wrong(*given, "a duration such as 500ms, 2s or 10m");
      }
      value = *parsed;
    }
  }
  void bytes(Key key, std::uint64_t& value, Help /*help*/) override {
    if (const auto* reader = here()) {
      value = reader->bytes(key).value_or(value);
    }
    if (const Override* given = override_of(key)) {
      const auto parsed = document::parse_bytes(given->value);
      if (!parsed) {
        throw wrong(*given, "a size such as 4096, 64KiB or 1GiB");
      }
      value = *parsed;
    }
  }
  void texts(Key key, std::vector<std::string>& value, Help /*help*/) override {
    if (const auto* reader = here(); reader != nullptr && reader->has(key)) {
      value = reader->strings(key);
    }
    if (const Override* given = override_of(key)) {
      value = lines(given->value);
    }
  }
  void paths(Key key, std::vector<std::string>& value, Help /*help*/) override {
    if (const auto* reader = here(); reader != nullptr && reader->has(key)) {
      value = reader->strings(key);
      for (std::string& entry : value) {
        entry = relative(entry);
      }
    }
    if (const Override* given = override_of(key)) {
      value = lines(given->value);
    }
  }
  void text_map(Key key, std::map<std::string, std::string>& value, Help /*help*/) override {
    if (const auto* reader = here(); reader != nullptr && reader->has(key)) {
      value.clear();
      for (auto& [name, entry] : reader->string_map(key)) {
        value.insert_or_assign(name, entry);
      }
    }
  }
  void json_map(Key key, std::map<std::string, nlohmann::json>& value, Help /*help*/) override {
    const auto* reader = here();
    if (reader == nullptr || !reader->has(key)) {
      return;
    }
    const nlohmann::json read = reader->json(key).value_or(nlohmann::json::object());
    if (!read.is_object()) {
      throw reader->error(key, fmt::format("'{}' must be a mapping", path_of(key)));
    }
    value = read.get<std::map<std::string, nlohmann::json>>();
  }
  void json_list(Key key, std::vector<nlohmann::json>& value, Help /*help*/) override {
    const auto* reader = here();
    if (reader == nullptr || !reader->has(key)) {
      return;
    }
    const nlohmann::json read = reader->json(key).value_or(nlohmann::json::array());
    if (!read.is_array() ||
        !std::ranges::all_of(read, [](const nlohmann::json& row) { return row.is_object(); })) {
      throw reader->error(key, fmt::format("'{}' must be a list of mappings", path_of(key)));
    }
    value = read.get<std::vector<nlohmann::json>>();
  }
  void word(Key key, std::string& value, const std::vector<std::string>& words,
            Help /*help*/) override {
    if (const auto* reader = here()) {
      value = reader->one_of(key, words).value_or(value);
    }
    if (const Override* given = override_of(key)) {
      if (std::ranges::find(words, given->value) == words.end()) {
        throw wrong(*given, fmt::format("one of {}", fmt::join(words, ", ")))
            .set_hint(document::did_you_mean(given->value, words));
      }
      value = given->value;
    }
  }
  bool open(Key key, bool present, std::string_view /*type*/, Help /*help*/) override {
    const std::string path = path_of(key);
    std::optional<document::Reader> child;
    if (const auto* reader = here()) {
      child = reader->object(key);
    }
    if (!child && !present && !overridden_below(path)) {
      return false;
    }
    frames_.push_back({std::move(child), path, {}});
    return true;
  }
  void close() override { frames_.pop_back(); }
  std::size_t list(Key key, std::size_t size, std::string_view /*type*/, Help /*help*/) override {
    auto& children = frames_.back().children;
    children.clear();
    const auto* reader = here();
    if (reader == nullptr || !reader->has(key)) {
      return size;
    }
    std::size_t index = 0;
    for (document::Reader& item : reader->objects(key)) {
      children.emplace_back(fmt::format("{}[{}]", path_of(key), index++), std::move(item));
    }
    return children.size();
  }
  void open_item(Key /*key*/, std::size_t index) override {
    const auto [path, reader] = frames_.back().children.at(index);
    frames_.push_back({reader, path, {}});
  }
  std::vector<std::string> names(Key key, std::vector<std::string> names, std::string_view /*type*/,
                                 Help /*help*/) override {
    const auto* reader = here();
    if (reader == nullptr || !reader->has(key)) {
      return names;
    }
    frames_.back().children = reader->object_map(key);
    names.clear();
    for (const auto& child : frames_.back().children) {
      names.push_back(child.first);
    }
    return names;
  }
  void open_entry(Key key, const std::string& name) override {
    for (const auto& child : frames_.back().children) {
      if (child.first == name) {
        frames_.push_back({child.second, fmt::format("{}.{}", path_of(key), name), {}});
        return;
      }
    }
  }
  bool is_word(Key key, bool now) override {
    const auto* reader = here();
    return reader == nullptr || !reader->has(key) ? now : reader->type(key) == "string";
  }
  void rule(bool kept, Key key, std::string_view cause, std::string_view hint) override {
    if (kept) {
      return;
    }
    const std::string& path = frames_.back().path;
    const std::string text =
        path.empty() ? std::string(cause) : fmt::format("in '{}': {}", path, cause);
    const auto* reader = here();
    note((reader != nullptr ? *reader : root_)
             .error(reader != nullptr ? key : Key{}, text, std::string(hint)));
  }

  /// Throws for unknown keys, then for the first broken rule: a misspelt key is the likelier cause
  /// of a missing one.
  void finish() const {
    root_.finish();
    if (broken_) {
      throw *broken_;
    }
  }

 private:
  struct Frame {
    std::optional<document::Reader> reader;  ///< none: the file has no such section
    std::string path;
    std::vector<std::pair<std::string, document::Reader>> children;
  };
  const document::Reader* here() const {
    const auto& reader = frames_.back().reader;
    return reader ? &*reader : nullptr;
  }
  std::string path_of(Key key) const {
    const std::string& path = frames_.back().path;
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }
  const Override* override_of(Key key) const {
    if (overrides_.empty()) {
      return nullptr;
    }
    const std::string path = path_of(key);
    const auto found = std::ranges::find(overrides_, path, &Override::path);
    return found == overrides_.end() ? nullptr : &*found;
  }
  bool overridden_below(const std::string& path) const {
    return std::ranges::any_of(
        overrides_, [&](const Override& given) { return given.path.starts_with(path + "."); });
  }
  std::string relative(const std::string& path) const {
    return path.empty() || folder_.empty() ? path
                                           : (std::filesystem::path(folder_) / path).string();
  }
  void note(Error error) {
    if (!broken_) {
      broken_ = std::move(error);
    }
  }

  document::Reader root_;
  const std::vector<Override>& overrides_;
  std::string folder_;
  std::vector<Frame> frames_;
  std::optional<Error> broken_;
};

}  // namespace

void read_fields(const document::Reader& root, const std::vector<Override>& overrides,
                 Migration& migration) {
  ReadFields fields(root, overrides);
  describe(fields, migration);
  fields.finish();
}

}  // namespace crossover::config
