#pragma once

#include <functional>
#include <optional>
#include <string>

namespace crossover::cli {

/// What a run sees of the machine around it; tests make up their own.
struct Surroundings {
  /// A variable of the environment; nothing when it is absent or empty: engines pass an empty text
  /// for a parameter that was not given.
  std::function<std::optional<std::string>(const std::string&)> variable;
  bool terminal_in = false;   ///< stdin is a terminal
  bool terminal_out = false;  ///< stdout is a terminal
  bool terminal_err = false;  ///< stderr is a terminal

  bool colour_out() const { return terminal_out && !variable("NO_COLOR"); }
  bool colour_err() const { return terminal_err && !variable("NO_COLOR"); }

  /// Those of this process.
  static Surroundings of_process();
};

}  // namespace crossover::cli
