#include "postgres/quote.h"

#include "base/error.h"

namespace crossover::postgres {

namespace {

void refuse_nul(std::string_view text, std::string_view what) {
  if (text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::usage, "unable to quote '" + std::string(what) + "': it holds a NUL");
  }
}

std::string doubled(std::string_view text, std::string_view special) {
  std::string out;
  out.reserve(text.size() + 2);
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += c;
    out += c;
  }
  return out;
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  if (name.empty()) {
    throw Error(ErrorKind::usage, "unable to quote '': an SQL name can't be empty");
  }
  refuse_nul(name, "SQL name");
  return '"' + doubled(name, "\"") + '"';
}

std::string quote_qualified(std::string_view schema, std::string_view name) {
  return quote_identifier(schema) + '.' + quote_identifier(name);
}

std::string quote_literal(std::string_view text) {
  refuse_nul(text, "SQL string");
  // The E form means the same at any standard_conforming_strings; plain strings only differ there
  // when they hold a backslash.
  if (text.find('\\') == std::string_view::npos) return '\'' + doubled(text, "'") + '\'';
  return " E'" + doubled(text, "'\\") + '\'';
}

}  // namespace crossover::postgres
