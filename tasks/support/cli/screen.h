#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace crossover::cli {

/// What is shown on stderr by several threads: lines that stay, and on a terminal one line at the
/// bottom that is written over (a progress bar). Thread-safe. A stderr that can't be written to is
/// no reason to fail.
class Screen {
 public:
  Screen(int descriptor, bool terminal) : descriptor_(descriptor), terminal_(terminal) {}

  bool terminal() const { return terminal_; }
  /// Shows text that ends with a line end.
  void print(std::string_view text);
  /// Replaces the bottom line; empty takes it away. On a terminal only.
  void set_bottom(std::string text);

 private:
  void write(std::string_view text) const;
  const int descriptor_;
  const bool terminal_;
  std::mutex mutex_;
  std::string bottom_;
};

}  // namespace crossover::cli
