#include "document/timestamp.h"

#include <chrono>
#include <optional>

namespace crossover::document {
namespace {

/// Takes pieces from the front of a text.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}

  std::optional<int> number(std::size_t least, std::size_t most) {
    std::size_t length = 0;
    int value = 0;
    while (length < most && length < text_.size() && text_[length] >= '0' && text_[length] <= '9') {
      value = value * 10 + (text_[length++] - '0');
    }
    if (length < least) return std::nullopt;
    text_.remove_prefix(length);
    return value;
  }
  bool in_range(std::size_t least_digits, int least, int most) {
    const auto value = number(least_digits, 2);
    return value && *value >= least && *value <= most;
  }
  bool skip(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void skip_digits() {
    while (!text_.empty() && text_[0] >= '0' && text_[0] <= '9') text_.remove_prefix(1);
  }
  bool at_digit() const { return !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; }
  bool done() const { return text_.empty(); }

 private:
  std::string_view text_;
};

bool date(TextReader& in) {
  const auto year = in.number(4, 4);
  if (!year || !in.skip('-')) return false;
  const auto month = in.number(1, 2);
  if (!month || !in.skip('-')) return false;
  const auto day = in.number(1, 2);
  return day && std::chrono::year_month_day(std::chrono::year(*year),
                                            std::chrono::month(static_cast<unsigned>(*month)),
                                            std::chrono::day(static_cast<unsigned>(*day)))
                    .ok();
}

bool time_of_day(TextReader& in) {
  if (!in.in_range(1, 0, 23) || !in.skip(':') || !in.in_range(1, 0, 59) || !in.skip(':') ||
      !in.in_range(1, 0, 59)) {
    return false;
  }
  if (in.skip('.') || in.skip(',')) {
    if (!in.at_digit()) return false;
    in.skip_digits();
  }
  return true;
}

bool zone(TextReader& in) {
  if (in.skip('Z')) return true;
  return (in.skip('+') || in.skip('-')) && in.in_range(2, 0, 24) && in.skip(':') &&
         in.in_range(2, 0, 60);
}

}  // namespace

bool is_timestamp(std::string_view text) {
  TextReader in(text);
  if (!date(in)) return false;
  if (in.done()) return true;
  if (in.skip(' ')) return time_of_day(in) && in.done();
  if (!in.skip('T') && !in.skip('t')) return false;
  return time_of_day(in) && zone(in) && in.done();
}

}  // namespace crossover::document
