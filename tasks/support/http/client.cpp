#include "http/client.h"

#include <strings.h>

#include <array>
#include <cctype>

namespace crossover::http {

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) {
      return &value;
    }
  }
  return nullptr;
}

Response Client::send(const Request& request) {
  std::vector<Outcome> outcomes = send_all({&request, 1});
  if (outcomes.front().error) {
    throw *outcomes.front().error;
  }
  return std::move(outcomes.front().response);
}

std::string origin(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t from = scheme == std::string_view::npos ? 0 : scheme + 3;
  std::string_view authority = url.substr(from, url.find_first_of("/?#", from) - from);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  return std::string(url.substr(0, from)) + std::string(authority);
}

std::string encode_component(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(character) != std::string::npos) {
      encoded += character;
    } else {
      encoded += '%';
      encoded += digits[byte >> 4U];
      encoded += digits[byte & 15U];
    }
  }
  return encoded;
}

}  // namespace crossover::http
