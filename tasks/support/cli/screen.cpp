#include "cli/screen.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace crossover::cli {
namespace {

constexpr std::string_view clear_line = "\r\x1b[K";

}  // namespace

void Screen::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t put = ::write(descriptor_, text.data(), text.size());
    if (put < 0 && errno != EINTR) {
      return;
    }
    text.remove_prefix(put < 0 ? 0 : static_cast<std::size_t>(put));
  }
}

void Screen::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (bottom_.empty()) {
    write(text);
  } else {
    write(fmt::format("{}{}{}", clear_line, text, bottom_));
  }
}

void Screen::set_bottom(std::string text) {
  const std::lock_guard lock(mutex_);
  if (!terminal_ || text == bottom_) {
    return;
  }
  write(fmt::format("{}{}", clear_line, text));
  bottom_ = std::move(text);
}

}  // namespace crossover::cli
