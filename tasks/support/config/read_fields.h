#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/fields.h"
#include "config/migration.h"
#include "document/strict_yaml.h"

namespace crossover::config {

/// Reads keys from a file; overrides win. Errors are of kind usage with file and line.
class ReadFields final : public Fields {
 public:
  ReadFields(document::Reader root, const std::vector<Override>& overrides);

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
  bool is_word(Key key, bool now) override;
  void rule(bool kept, Key key, std::string_view cause, std::string_view hint) override;

  /// Throws for unknown keys, then for the first broken rule: a misspelt key is the likelier cause
  /// of a missing one.
  void finish() const;

 private:
  struct Frame {
    std::optional<document::Reader> reader;  ///< none: the file has no such section
    std::string path;
    std::vector<std::pair<std::string, document::Reader>> children;
  };
  const document::Reader* here() const;
  std::string path_of(Key key) const;
  const Override* override_of(Key key) const;
  bool overridden_below(const std::string& path) const;
  std::string relative(const std::string& path) const;
  void note(Error error);

  document::Reader root_;
  const std::vector<Override>& overrides_;
  std::string folder_;
  std::vector<Frame> frames_;
  std::optional<Error> broken_;
};

}  // namespace crossover::config
