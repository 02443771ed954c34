#include "sync/array.h"

#include <stdexcept>
#include <utility>

namespace crossover::sync {

void TextArrayBuilder::add(std::string_view value) {
  text_ += size_++ == 0 ? "\"" : ",\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
    }
    text_ += c;
  }
  text_ += '"';
}

void TextArrayBuilder::add_null() { text_ += size_++ == 0 ? "NULL" : ",NULL"; }

std::string TextArrayBuilder::take() {
  text_ += '}';
  size_ = 0;
  return std::exchange(text_, "{");
}

std::string text_array(const std::vector<std::string>& values) {
  TextArrayBuilder builder;
  for (const std::string& value : values) {
    builder.add(value);
  }
  return builder.take();
}

namespace {

std::string quoted_element(std::string_view text, std::size_t& at) {
  std::string value;
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) {
      ++at;
    }
    value += text[at];
  }
  if (at >= text.size()) {
    throw std::invalid_argument("unterminated element in an array");
  }
  ++at;
  return value;
}

std::string plain_element(std::string_view text, std::size_t& at) {
  const std::size_t end = text.find_first_of(",}", at);
  if (end == std::string_view::npos) {
    throw std::invalid_argument("unterminated array");
  }
  std::string value(text.substr(at, end - at));
  at = end;
  return value == "NULL" ? std::string() : value;
}

}  // namespace

std::vector<std::string> parse_text_array(std::string_view text) {
  std::vector<std::string> values;
  if (text.size() < 2 || text.front() != '{') {
    throw std::invalid_argument("not an array");
  }
  if (text == "{}") {
    return values;
  }
  std::size_t at = 1;
  while (true) {
    values.push_back(text[at] == '"' ? quoted_element(text, at) : plain_element(text, at));
    if (at >= text.size() || text[at] == '}') {
      return values;
    }
    ++at;
  }
}

}  // namespace crossover::sync
