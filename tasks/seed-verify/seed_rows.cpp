#include "seed-verify/seed_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "document/source.h"
#include "document/strict_yaml.h"
#include "files/files.h"

namespace crossover::seed_verify {

namespace {

using nlohmann::json;
using Field = std::optional<std::string>;

/// Takes one record after another from the front of a CSV text.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text), source_{name} {}

  bool at_end() const { return at_ >= text_.size(); }
  std::size_t line() const { return line_; }
  Error error(std::size_t line, std::string_view cause) const { return source_.error(line, cause); }

  std::vector<Field> record() {
    std::vector<Field> fields = {field()};
    while (!at_end() && text_[at_] == ',') {
      ++at_;
      fields.push_back(field());
    }
    if (!at_end() && text_[at_] == '\r') {
      ++at_;
    }
    if (!at_end() && text_[at_] != '\n') {
      throw error(line_, "a quoted field is followed by text");
    }
    ++at_;
    ++line_;
    return fields;
  }

 private:
  Field field() {
    if (!at_end() && text_[at_] == '"') {
      return quoted();
    }
    const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    const std::string value(text_.substr(at_, end - at_));
    at_ = end;
    return value.empty() ? Field() : Field(value);
  }

  std::string quoted() {
    const std::size_t begin = line_;
    std::string value;
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          return value;
        }
        ++at_;
      }
      line_ += text_[at_] == '\n' ? 1 : 0;
      value += text_[at_];
    }
    throw error(begin, "a quote is not closed");
  }

  std::string_view text_;
  document::Source source_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;
};

std::vector<std::string> header_of(CsvReader& reader) {
  std::vector<std::string> names;
  for (Field& field : reader.record()) {
    if (!field || std::ranges::find(names, *field) != names.end()) {
      throw reader.error(0,
                         field ? "column '" + *field + "' is named twice" : "a column has no name");
    }
    names.push_back(std::move(*field));
  }
  return names;
}

std::vector<json> file_rows(const std::string& file) {
  if (!file.ends_with(".yaml") && !file.ends_with(".yml")) {
    return parse_csv(files::read(file), file);
  }
  const json list = document::StrictDocument::load_file(file).json();
  if (!list.is_array() ||
      !std::ranges::all_of(list, [](const json& row) { return row.is_object(); })) {
    throw Error(ErrorKind::usage,
                fmt::format("unable to read '{}': it must be a list of mappings", file));
  }
  return {list.begin(), list.end()};
}

}  // namespace

std::vector<json> parse_csv(std::string_view text, const std::string& name) {
  CsvReader reader(text, name);
  const std::vector<std::string> names = header_of(reader);
  std::vector<json> rows;
  while (!reader.at_end()) {
    const std::size_t line = reader.line();
    const std::vector<Field> fields = reader.record();
    if (fields.size() != names.size()) {
      throw reader.error(line,
                         fmt::format("{} fields, but {} columns", fields.size(), names.size()));
    }
    json row = json::object();
    for (std::size_t column = 0; column < names.size(); ++column) {
      row[names[column]] = fields[column] ? json(*fields[column]) : json();
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<json> seed_rows(const config::Seeds& seeds) {
  std::vector<json> rows = seeds.rows;
  if (!seeds.file.empty()) {
    std::ranges::move(file_rows(seeds.file), std::back_inserter(rows));
  }
  for (const json& row : rows) {
    for (const std::string& column : seeds.key) {
      if (!row.contains(column)) {
        throw Error(
            ErrorKind::usage,
            fmt::format("unable to use the seeds of '{}': a row lacks column '{}' of the key",
                        seeds.table, column));
      }
    }
  }
  return rows;
}

std::string parameter_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace crossover::seed_verify
