#include "document/base64.h"

#include <cstdint>

namespace crossover::document {
namespace {

int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  int count = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == '\r' || c == '\n') continue;
    const int value = c == '=' ? 0 : value_of(c);
    const bool misplaced = c == '=' ? count < 2 : padding > 0;
    if (value < 0 || misplaced) return std::nullopt;
    if (c == '=') ++padding;
    group = (group << 6U) | static_cast<std::uint32_t>(value);
    if (++count < 4) continue;
    for (int byte = 2; byte >= padding; --byte) {
      out += static_cast<char>((group >> (8U * static_cast<unsigned>(byte))) & 0xFFU);
    }
    group = 0;
    count = 0;
    // Padding ends the data: a further group finds `padding` set and is refused.
  }
  if (count != 0) return std::nullopt;
  return out;
}

}  // namespace crossover::document
