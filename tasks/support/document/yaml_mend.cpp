#include "document/yaml_mend.h"

namespace crossover::document {

bool has_escaped_slash(std::string_view raw) {
  for (std::size_t i = 0; i + 1 < raw.size(); ++i) {
    if (raw[i] != '\\') continue;
    if (raw[++i] == '/') return true;
  }
  return false;
}

std::string without_escaped_apostrophes(std::string_view text, std::size_t offset) {
  std::string out(text.substr(0, offset));
  while (offset < text.size() && text[offset] != '"') {
    const std::string_view pair = text.substr(offset, 2);
    const std::size_t taken = pair[0] == '\\' ? pair.size() : 1;
    out += pair == "\\'" ? std::string_view("'") : pair.substr(0, taken);
    offset += taken;
  }
  out += text.substr(offset);
  return out;
}

std::string unused_character(std::string_view text) {
  for (unsigned low = 0; low < 64 * 64; ++low) {
    std::string candidate{'\xEE', static_cast<char>(0x80 + low / 64),
                          static_cast<char>(0x80 + low % 64)};
    if (text.find(candidate) == std::string_view::npos) return candidate;
  }
  return {};
}

}  // namespace crossover::document
