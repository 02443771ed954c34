#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crossover::sync {

/// PostgreSQL's text form of a one-dimensional text[] (manual 8.15.6), for parameters:
/// {"a","b\"c"}.
std::string text_array(const std::vector<std::string>& values);

/// Reads that form; NULL elements become empty strings. The values come from the server, so
/// malformed input is a std::invalid_argument.
std::vector<std::string> parse_text_array(std::string_view text);

/// Builds the text form element by element, NULLs included.
class TextArrayBuilder {
 public:
  void add(std::string_view value);
  void add_null();
  std::string take();
  std::size_t size() const { return size_; }

 private:
  std::string text_ = "{";
  std::size_t size_ = 0;
};

}  // namespace crossover::sync
