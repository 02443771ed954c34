#include "document/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "document/json_text.h"
#include "document/source.h"
#include "document/yaml_tree.h"
#include "document/yaml_value.h"

namespace crossover::document {
namespace {

using nlohmann::json;

constexpr std::string_view space = " \t\n\v\f\r";

/// Divides a stream as k8s.io/apimachinery's YAMLReader does: by line, without looking at what the
/// lines mean. Every line ends in one line feed afterwards.
class Pieces {
 public:
  Pieces(std::string_view text, const std::string& name, int first_line)
      : text_(text), name_(name), line_(first_line) {}

  /// The next piece and the place where it starts.
  std::optional<std::pair<std::string, Source>> next() {
    std::string piece;
    Source source{name_, line_};
    while (!text_.empty()) {
      const std::string_view line = take_line();
      if (line.starts_with("---")) {
        check_separator(line.substr(3));
        if (!piece.empty()) return std::pair(std::move(piece), std::move(source));
      }
      if (piece.empty()) source.first_line = line_ - 1;
      piece.append(line).push_back('\n');
    }
    if (piece.empty()) return std::nullopt;
    return std::pair(std::move(piece), std::move(source));
  }

 private:
  std::string_view take_line() {
    const std::size_t end = text_.find('\n');
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    // Only a carriage return that belongs to a line feed is dropped.
    if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
    ++line_;
    return line;
  }

  void check_separator(std::string_view rest) const {
    const std::size_t start = rest.find_first_not_of(space);
    if (start == std::string_view::npos || rest[start] == '#') return;
    throw Source{name_, line_ - 1}.error(0, "only a comment may follow '---' on its line");
  }

  std::string_view text_;
  const std::string& name_;
  int line_;
};

bool starts_json(std::string_view text) {
  const std::size_t start = text.find_first_not_of(space);
  return start != std::string_view::npos && text[start] == '{';
}

int lines(std::string_view text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

void add(std::vector<json>& documents, json value) {
  if (!value.is_null()) documents.push_back(std::move(value));
}

void read_yaml(std::string_view text, const std::string& name, int first_line,
               std::vector<json>& documents) {
  Pieces pieces(text, name, first_line);
  while (const auto piece = pieces.next()) {
    const auto& [part, source] = *piece;
    add(documents, yaml_value(parse_yaml(part, source), source));
  }
}

/// A stream that starts as JSON may turn out to be YAML (a flow mapping), or go on as YAML after
/// its first value; from the second value on it is JSON for good.
void read_json(std::string_view text, const std::string& name, std::vector<json>& documents) {
  const std::string_view whole = text;
  for (int count = 0;; ++count) {
    const std::size_t start = text.find_first_not_of(space);
    if (start == std::string_view::npos) return;
    const std::string_view rest = text;
    try {
      text.remove_prefix(start);
      const Source source{name, 1 + lines(whole.substr(0, whole.size() - text.size()))};
      add(documents, take_json(text, source));
    } catch (const Error& error) {
      if (count > 1) throw;
      // What remains of the line of the last value holds only space, if this is to be YAML.
      const std::size_t line_end = rest.find('\n');
      const std::string_view yaml =
          line_end < start ? rest.substr(line_end + 1) : rest.substr(start);
      try {
        read_yaml(yaml, name, 1 + lines(whole.substr(0, whole.size() - yaml.size())), documents);
      } catch (const Error&) {
        throw error;
      }
      return;
    }
  }
}

json only(std::vector<json> documents, const std::string& name) {
  if (documents.size() != 1) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to read '{}': it holds {}, not one document", name,
                            documents.empty() ? "no document"
                                              : fmt::format("{} documents", documents.size())));
  }
  return std::move(documents.front());
}

}  // namespace

std::vector<json> load_stream(std::string_view text, const std::string& name) {
  if (text.size() > max_document_bytes) {
    throw Error(ErrorKind::usage, fmt::format("unable to read '{}': larger than {} MiB", name,
                                              max_document_bytes >> 20U));
  }
  std::vector<json> documents;
  if (starts_json(text)) {
    read_json(text, name, documents);
  } else {
    read_yaml(text, name, 1, documents);
  }
  return documents;
}

std::vector<json> load_stream_file(const std::string& path) {
  return load_stream(read_document(path), path);
}

json load(std::string_view text, const std::string& name) {
  return only(load_stream(text, name), name);
}

json load_file(const std::string& path) { return only(load_stream_file(path), path); }

}  // namespace crossover::document
