#include "document/value_generator.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace crossover::document {
namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view digits = "0123456789";
constexpr std::string_view symbols = "~!@#$%^&*()-_+={}[]\\|<,>.?/\"';:`";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Error malformed(std::string_view cause) { return {ErrorKind::usage, std::string(cause)}; }

/// One "[ranges]{N}".
struct Atom {
  std::size_t position = 0;
  std::size_t length = 0;
  std::string_view ranges;  ///< between the brackets
  std::string_view count;   ///< between the braces
};

/// \[[a-zA-Z0-9\-\\]+\]\{[0-9]+\} at the front of `text`.
std::optional<Atom> atom_at_front(std::string_view text) {
  std::size_t end = 1;
  while (end < text.size() && (is_alphanumeric(text[end]) || text[end] == '-' || text[end] == '\\'))
    ++end;
  const std::string_view ranges = text.substr(1, end - 1);
  if (ranges.empty() || !text.substr(end).starts_with("]{")) return std::nullopt;
  const std::size_t count_start = end + 2;
  std::size_t count_end = count_start;
  while (count_end < text.size() && is_digit(text[count_end])) ++count_end;
  if (count_end == count_start || count_end == text.size() || text[count_end] != '}') {
    return std::nullopt;
  }
  return Atom{0, count_end + 1, ranges, text.substr(count_start, count_end - count_start)};
}

std::optional<Atom> find_atom(std::string_view text) {
  for (std::size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1)) {
    if (auto atom = atom_at_front(text.substr(at))) {
      atom->position = at;
      return atom;
    }
  }
  return std::nullopt;
}

/// Either a class stands first, or a range a-z stands last: this is all that OpenShift asks for.
bool is_well_formed(std::string_view ranges) {
  if (ranges.size() >= 2 && ranges[0] == '\\' &&
      std::string_view("wdaA").find(ranges[1]) != std::string_view::npos) {
    return true;
  }
  const std::size_t size = ranges.size();
  return size >= 3 && is_alphanumeric(ranges[size - 3]) && ranges[size - 2] == '-' &&
         is_alphanumeric(ranges[size - 1]);
}

std::string range(char from, char to) {
  const std::string all = fmt::format("{}{}{}", letters, digits, symbols);
  const std::size_t first = all.find(from);
  const std::size_t last = all.rfind(to);
  if (first > last) throw malformed(fmt::format("invalid range specified: {}-{}", from, to));
  return all.substr(first, last - first);
}

/// What a matched piece of the ranges stands for, by its first and last character.
std::string characters(char first, char last) {
  if (first == '\\' && last == 'w') return fmt::format("{}{}_", letters, digits);
  if (first == '\\' && last == 'd') return std::string(digits);
  if (first == '\\' && last == 'a') return fmt::format("{}{}", letters, digits);
  if (first == '\\' && last == 'A') return std::string(symbols);
  return range(first, last);
}

/// Goes through the ranges by \\?[a-zA-Z0-9]-?[a-zA-Z0-9]? and skips what doesn't match.
std::string alphabet(std::string_view ranges) {
  std::string out;
  std::size_t i = 0;
  while (i < ranges.size()) {
    std::size_t end = i;
    if (ranges[end] == '\\') ++end;
    if (end == ranges.size() || !is_alphanumeric(ranges[end])) {
      ++i;
      continue;
    }
    ++end;
    if (end < ranges.size() && ranges[end] == '-') ++end;
    if (end < ranges.size() && is_alphanumeric(ranges[end])) ++end;
    out += characters(ranges[i], ranges[end - 1]);
    i = end;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::size_t parse_count(std::string_view text) {
  std::size_t count = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 1 || count > 255) {
    throw malformed(fmt::format("range must be within [1-255] characters ({})", text));
  }
  return count;
}

}  // namespace

std::uint32_t secure_random_below(std::uint32_t bound) {
  // Values at the top that would make small results likelier are thrown away.
  const std::uint32_t usable = UINT32_MAX - UINT32_MAX % bound;
  while (true) {
    std::uint32_t value = 0;
    if (getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
      if (errno == EINTR) continue;
      throw Error(ErrorKind::failure,
                  fmt::format("unable to get random numbers: {}", std::strerror(errno)));
    }
    if (value < usable) return value % bound;
  }
}

std::string generate_value(std::string expression, const RandomBelow& random_below) {
  // What was generated is looked at again, as OpenShift does; symbols may form an expression anew,
  // so the rounds are counted.
  constexpr int most_rounds = 10000;
  for (int round = 0; round < most_rounds; ++round) {
    const auto atom = find_atom(expression);
    if (!atom) return expression;
    if (!is_well_formed(atom->ranges)) {
      throw malformed(fmt::format("malformed expression syntax: [{}]", atom->ranges));
    }
    const std::size_t count = parse_count(atom->count);
    const std::string from = alphabet(atom->ranges);
    if (from.empty()) throw malformed(fmt::format("[{}] stands for no character", atom->ranges));
    std::string made;
    for (std::size_t i = 0; i < count; ++i) {
      made += from[random_below(static_cast<std::uint32_t>(from.size()))];
    }
    expression.replace(atom->position, atom->length, made);
  }
  throw malformed("too many expressions in one value");
}

}  // namespace crossover::document
