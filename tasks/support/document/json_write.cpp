#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "document/yaml.h"

namespace crossover::document {
namespace {

using nlohmann::json;

std::string float_text(double value) {
  if (!std::isfinite(value)) return "null";
  const double size = std::fabs(value);
  const bool plain = value == 0 || (size >= 1e-6 && size < 1e15);
  std::array<char, 64> buffer{};
  const auto done = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                  plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {buffer.data(), done.ptr};
}

std::string leaf_text(const json& value) {
  if (value.is_number_float()) return float_text(value.get<double>());
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void write(const json& value, std::size_t depth, std::string& out) {
  if (!value.is_structured() || value.empty()) {
    out += leaf_text(value);
    return;
  }
  const bool is_object = value.is_object();
  std::string_view before = is_object ? "{\n" : "[\n";
  for (const auto& [key, child] : value.items()) {
    out.append(before).append(2 * (depth + 1), ' ');
    if (is_object) out += leaf_text(key) + ": ";
    write(child, depth + 1, out);
    before = ",\n";
  }
  out.append("\n").append(2 * depth, ' ') += is_object ? '}' : ']';
}

}  // namespace

std::string json_text(const json& value) {
  std::string out;
  write(value, 0, out);
  return out += '\n';
}

}  // namespace crossover::document
