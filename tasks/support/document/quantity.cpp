#include <array>
#include <charconv>
#include <limits>

#include "document/strict_yaml.h"

namespace crossover::document {
namespace {

/// Takes a whole number from the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return value;
}

std::string_view take_unit(std::string_view& text) {
  const std::size_t end = text.find_first_of("0123456789");
  const std::string_view unit = text.substr(0, end);
  text.remove_prefix(unit.size());
  return unit;
}

std::optional<std::int64_t> nanoseconds_of(std::string_view unit) {
  struct Unit {
    std::string_view name;
    std::int64_t nanoseconds;
  };
  static constexpr std::array units{Unit{"ns", 1},
                                    Unit{"us", 1000},
                                    Unit{"ms", 1000000},
                                    Unit{"s", 1000000000},
                                    Unit{"m", 60000000000},
                                    Unit{"h", 3600000000000},
                                    Unit{"d", 86400000000000}};
  for (const Unit& known : units) {
    if (known.name == unit) return known.nanoseconds;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> bytes_of(std::string_view unit) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  static constexpr std::array units{Unit{"", 1},
                                    Unit{"B", 1},
                                    Unit{"kB", 1000},
                                    Unit{"MB", 1000000},
                                    Unit{"GB", 1000000000},
                                    Unit{"TB", 1000000000000},
                                    Unit{"KiB", 1ULL << 10U},
                                    Unit{"MiB", 1ULL << 20U},
                                    Unit{"GiB", 1ULL << 30U},
                                    Unit{"TiB", 1ULL << 40U}};
  for (const Unit& known : units) {
    if (known.name == unit) return known.bytes;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    const auto unit = nanoseconds_of(take_unit(text));
    std::int64_t part = 0;
    if (!number || !unit || __builtin_mul_overflow(*number, *unit, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
  }
  return Duration(total);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  const auto unit = bytes_of(text);
  if (!unit || *number > std::numeric_limits<std::uint64_t>::max() / *unit) return std::nullopt;
  return *number * *unit;
}

}  // namespace crossover::document
