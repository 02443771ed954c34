#include "document/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "document/yaml_scalar.h"

namespace crossover::document {
namespace {

using nlohmann::json;

std::optional<unsigned> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(0, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  return value;
}

bool is_high(unsigned unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low(unsigned unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

/// `text` with escapes of lone surrogates replaced by that of U+FFFD, which is as long.
std::string with_paired_surrogates(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i] != '\\') continue;
    const auto unit = out[i + 1] == 'u' ? hex4(std::string_view(out).substr(i + 2)) : std::nullopt;
    if (!unit) {
      ++i;
      continue;
    }
    const std::string_view after = std::string_view(out).substr(std::min(out.size(), i + 6));
    const auto next = after.starts_with("\\u") ? hex4(after.substr(2)) : std::nullopt;
    if (is_high(*unit) && next && is_low(*next)) {
      i += 11;
    } else {
      if (is_high(*unit) || is_low(*unit)) out.replace(i + 2, 4, "fffd");
      i += 5;
    }
  }
  return out;
}

/// Builds a value from the events of nlohmann's parser, which has no limit of depth of its own.
class Builder final : public nlohmann::json_sax<json> {
 public:
  Builder(const Source& source, std::string_view text) : source_(source), text_(text) {}

  json& result() { return result_; }
  std::size_t error_line() const {
    const std::size_t end = std::min(error_position_, text_.size());
    return static_cast<std::size_t>(
        std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
  }
  const std::string& error_text() const { return error_text_; }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return put(json_number(value, 0, source_));
  }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return put(json_number(value, 0, source_));
  }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(json::object()); }
  bool start_array(std::size_t /*size*/) override { return open(json::array()); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    error_position_ = position;
    error_text_ = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: cause": only the cause.
    const std::size_t cause = error_text_.find(": ");
    if (cause != std::string::npos) error_text_.erase(0, cause + 2);
    return false;
  }

 private:
  json* add(json value) {
    if (open_.empty()) {
      result_ = std::move(value);
      return &result_;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    json& member = parent[key_];
    member = std::move(value);
    return &member;
  }
  bool put(json value) {
    add(std::move(value));
    return true;
  }
  bool open(json value) {
    if (open_.size() >= static_cast<std::size_t>(max_depth)) {
      error_text_ = fmt::format("nested more than {} deep", max_depth);
      return false;
    }
    open_.push_back(add(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const Source& source_;
  std::string_view text_;
  json result_;
  std::vector<json*> open_;
  std::string key_;
  std::size_t error_position_ = 0;
  std::string error_text_;
};

/// Where the first JSON value of `text` ends, judged by brackets and strings alone; the whole text
/// when it doesn't.
std::size_t extent(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth <= 0) {
      return i + 1;
    }
  }
  return text.size();
}

/// As if every number had been a float64 on its way.
void make_floats(json& value, const Source& source) {
  if (value.is_number_integer()) value = json_number(value.get<double>(), 0, source);
  if (!value.is_structured()) return;
  for (json& child : value) make_floats(child, source);
}

}  // namespace

json take_json(std::string_view& text, const Source& source) {
  const std::size_t length = extent(text);
  const std::string piece = with_paired_surrogates(valid_utf8(text.substr(0, length)));
  Builder builder(source, piece);
  if (!json::sax_parse(piece, &builder)) {
    throw source.error(builder.error_line(), builder.error_text());
  }
  text.remove_prefix(length);
  return std::move(builder.result());
}

std::optional<json> float_json(const std::string& text) {
  const Source nowhere;
  const std::string clean = with_paired_surrogates(valid_utf8(text));
  Builder builder(nowhere, clean);
  if (!json::sax_parse(clean, &builder)) return std::nullopt;
  make_floats(builder.result(), nowhere);
  return std::move(builder.result());
}

}  // namespace crossover::document
