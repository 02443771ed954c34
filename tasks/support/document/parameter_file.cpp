#include "document/parameter_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "document/source.h"

namespace crossover::document {
namespace {

std::string_view trimmed(std::string_view text, std::string_view unwanted) {
  const std::size_t start = text.find_first_not_of(unwanted);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(unwanted) - start + 1);
}

bool is_ignored(std::string_view line) {
  const std::string_view content = trimmed(line, " \n\t");
  return content.empty() || content.starts_with('#');
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

/// Cuts a comment off. A piece between two `#` with exactly one quote of a kind opens or closes a
/// quotation, and a `#` inside a quotation stays: this is how godotenv counts.
std::string without_comment(std::string_view line) {
  bool open = false;
  std::vector<std::string_view> kept;
  for (const std::string_view piece : split(line, '#')) {
    const bool turns = std::count(piece.begin(), piece.end(), '"') == 1 ||
                       std::count(piece.begin(), piece.end(), '\'') == 1;
    if (turns && open) kept.push_back(piece);
    if (turns) open = !open;
    if (kept.empty() || open) kept.push_back(piece);
  }
  return fmt::format("{}", fmt::join(kept, "#"));
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 'r' ? '\r' : c;
  }
  return out;
}

std::string value_of(std::string_view text) {
  text = trimmed(text, " ");
  const bool quoted = text.size() > 1 && text.front() == text.back() &&
                      (text.front() == '"' || text.front() == '\'');
  if (!quoted) return std::string(text);
  return unescaped(text.substr(1, text.size() - 2));
}

std::optional<std::pair<std::string, std::string>> parse_line(const std::string& line) {
  const std::size_t equals = line.find('=');
  const std::size_t colon = line.find(':');
  const std::size_t separator = std::min(equals, colon);
  if (separator == std::string::npos) return std::nullopt;
  std::string_view key = std::string_view(line).substr(0, separator);
  if (key.starts_with("export")) key.remove_prefix(6);
  return std::pair(std::string(trimmed(key, " ")),
                   value_of(std::string_view(line).substr(separator + 1)));
}

}  // namespace

bool is_parameter_name(std::string_view name) {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.0123456789";
  if (name.empty() || name.find_first_not_of(letters) != std::string_view::npos) return false;
  if (name.front() >= '0' && name.front() <= '9') return false;
  return name != "." && !name.starts_with("..");
}

std::map<std::string, std::string> parse_parameter_file(std::string_view text,
                                                        const std::string& name) {
  const Source source{name};
  std::map<std::string, std::string> out;
  const std::vector<std::string_view> lines = split(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_ignored(line)) continue;
    auto entry = parse_line(without_comment(line));
    if (!entry) throw source.error(i, "it must be KEY=VALUE");
    if (!is_parameter_name(entry->first)) {
      throw source.error(
          i, fmt::format("'{}' is not a name for a parameter", valid_utf8(entry->first)));
    }
    out[std::move(entry->first)] = std::move(entry->second);
  }
  return out;
}

}  // namespace crossover::document
