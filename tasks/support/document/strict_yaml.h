#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace crossover::document {

/// "500ms", "2s", "10m", "1h", "1h30m", "0"; nothing when `text` is not a duration or does not fit.
/// A number without a unit (other than 0) is refused: people disagree about what it means.
std::optional<Duration> parse_duration(std::string_view text);

/// "0", "4096", "64KiB", "64MiB", "2GiB", "1TiB", "10kB", "10MB", "1GB"; nothing when `text` is not
/// a size in bytes or does not fit.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

struct Node;
struct ReaderState;

/// Typed, strict reading of one mapping of a document. Every method takes the key that it reads and
/// remembers it as a valid one; `finish` reports what nobody asked for. A key that is absent or
/// null gives nothing (`required_*`: an Error). A value of another type, out of range or unknown is
/// an Error of kind usage whose message names file, line and key path:
///   unable to read 'crossover.yaml': crossover.yaml:12: 'sync.workers' must be a whole number, not
///   'four'
/// Values are YAML 1.2: `true` and `false` alone are booleans. A plain scalar of any type reads as
/// string by its very text, so that `version: 1.20` stays "1.20".
/// Cheap to copy (copies share what they remember); one thread at a time.
class Reader {
 public:
  /// Whether the key is there and not null. Makes it a valid key.
  bool has(std::string_view key) const;

  std::optional<std::string> string(std::string_view key) const;
  std::optional<std::int64_t> integer(
      std::string_view key, std::int64_t least = std::numeric_limits<std::int64_t>::min(),
      std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<Duration> duration(std::string_view key) const;
  std::optional<std::uint64_t> bytes(std::string_view key) const;
  /// One of `names`; another one is an Error with the nearest of them as hint.
  std::optional<std::string> one_of(std::string_view key,
                                    const std::vector<std::string>& names) const;

  std::string required_string(std::string_view key) const;
  std::int64_t required_integer(std::string_view key,
                                std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                                std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  bool required_boolean(std::string_view key) const;
  Duration required_duration(std::string_view key) const;
  std::uint64_t required_bytes(std::string_view key) const;
  std::string required_one_of(std::string_view key, const std::vector<std::string>& names) const;

  /// A list of scalars as strings; a single scalar counts as a list of one. Empty when absent.
  std::vector<std::string> strings(std::string_view key) const;
  /// A mapping of names to scalars, in the order of the file. Empty when absent.
  std::vector<std::pair<std::string, std::string>> string_map(std::string_view key) const;

  /// A mapping below this one.
  std::optional<Reader> object(std::string_view key) const;
  Reader required_object(std::string_view key) const;
  /// A list of mappings, in order. Empty when absent.
  std::vector<Reader> objects(std::string_view key) const;
  /// A mapping whose keys are names of the user's choice and whose values are mappings (a null
  /// value is an empty one), in the order of the file. Empty when absent.
  std::vector<std::pair<std::string, Reader>> object_map(std::string_view key) const;

  /// The value as it is, everything below it counts as valid. Plain scalars are typed by YAML 1.2's
  /// core schema. Nothing when absent (a null value is given as null).
  std::optional<nlohmann::json> json(std::string_view key) const;

  /// What the value of `key` is, for places that take several types: "null" (or absent), "boolean",
  /// "number", "string", "list" or "mapping". Makes it a valid key.
  std::string_view type(std::string_view key) const;

  /// Makes keys valid without reading them.
  void allow(const std::vector<std::string>& keys) const;
  /// The keys that are there, in the order of the file.
  std::vector<std::string> keys() const;

  /// Throws for the first key (in the order of the file) that nobody asked for, here or in any
  /// reader that was obtained from this one: "unknown key 'tabels' in 'sync'", with the nearest as
  /// hint.
  void finish() const;

  /// The Error for a value that is of the right type but makes no sense: `cause` is put behind
  /// file, line (of the key's value, of the mapping itself where `key` is empty or absent).
  [[nodiscard]] Error error(std::string_view key, std::string_view cause,
                            std::string hint = {}) const;
  /// The line (from 1) of the key's value, of the mapping where the key is absent.
  int line(std::string_view key = {}) const;
  /// Key path of this mapping: "", "sync", "sync.tables[2]".
  const std::string& path() const;
  /// The file as it was named to the loader.
  const std::string& file() const;

 private:
  friend class StrictDocument;
  explicit Reader(std::shared_ptr<ReaderState> state) : state_(std::move(state)) {}
  const Node* find(std::string_view key) const;
  const Node* scalar(std::string_view key, std::string_view wanted) const;
  Error wrong(std::string_view key, const Node& node, std::string_view wanted) const;
  Error missing(std::string_view key) const;
  Reader child(const Node& node, std::string path) const;

  std::shared_ptr<ReaderState> state_;
};

/// A YAML document that people write by hand for us (crossover.yaml, seed files), read strictly:
/// duplicate keys, tabs as indentation, several documents, keys that aren't scalars, `<<`, aliases
/// that grow beyond 100,000 nodes or contain themselves, nesting beyond 100 levels and files above
/// 4 MiB are refused. Errors are of kind usage, "unable to read 'FILE': FILE:LINE: CAUSE".
/// Immutable.
class StrictDocument {
 public:
  static StrictDocument load_file(const std::string& path);
  /// `name` stands for the file in messages.
  static StrictDocument parse(std::string_view text, const std::string& name);

  /// The root mapping; an Error when the root is neither a mapping nor empty.
  Reader root() const;
  /// The whole as JSON; plain scalars are typed by YAML 1.2's core schema.
  nlohmann::json json() const;
  /// The line (from 1) of what stands at `path`: keys, and indices as decimal numbers. For a key in
  /// a mapping this is the line of the key. 0 when there is nothing.
  int line(const std::vector<std::string>& path) const;
  const std::string& file() const { return file_; }

 private:
  StrictDocument(std::string file, std::shared_ptr<const Node> root);
  std::string file_;
  std::shared_ptr<const Node> root_;
};

}  // namespace crossover::document
